"""The words by which people name columns and answer questions, in the languages that exports come in.

Add a word here when an export uses it: English, German, French, Spanish, Italian, Dutch, Portuguese, Polish, and
what the common shops and mailing tools write. A header is compared without accents, case and punctuation. What a
match is worth is decided in ``proposals``; a word for consent stands here only if it can mean nothing else.
"""

import re
import unicodedata

_SPLIT_CAPITALS = re.compile(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ])")
_NO_WORD = re.compile(r"[^a-z0-9]+")

# Our field: how people head the column. "|" stands between two headings.
_CONTACTS = {
    "source_key": (
        "id|contact id|customer id|customer no|customer number|customer|subscriber id|member id|user id|client id"
        "|kundennummer|kunden nr|kundennr|kdnr|kd nr|kunden id|kontakt id|mitgliedsnummer|debitor|debitorennummer"
        "|numero client|n client|n de client|n cliente|no klant|id client|no client|code client"
        "|numero de client|numero de cliente|id cliente|codigo cliente"
        "|codigo de cliente|n cliente|codice cliente|numero cliente|id contatto|klantnummer|klant id|klantnr"
        "|relatienummer|id do cliente|numer klienta|id klienta|nr klienta|numer|external id|record id"
    ),
    "email": (
        "email|e mail|mail|email address|e mail address|emailadresse|e mail adresse|mailadresse|kontakt e mail"
        "|adresse email|adresse e mail|adresse mail|courriel|adresse courriel|correo|correo electronico"
        "|direccion de correo|direccion de email|indirizzo email|indirizzo e mail|posta elettronica|e mailadres"
        "|emailadres|mailadres|endereco de email|endereco de e mail|correio eletronico|adres email|adres e mail"
        "|adres mailowy|subscriber email|customer email|contact email"
    ),
    "first_name": (
        "first name|firstname|given name|forename|fname|vorname|rufname|prenom|nombre|nombre de pila|primer nombre"
        "|nome|nome proprio|primeiro nome|voornaam|roepnaam|imie|imie klienta|billing first name"
    ),
    "last_name": (
        "last name|lastname|surname|family name|lname|nachname|familienname|zuname|nom|nom de famille|apellido"
        "|apellidos|cognome|achternaam|familienaam|sobrenome|apelido|ultimo nome|nazwisko|nazwisko klienta"
        "|billing last name"
    ),
    "country": (
        "country|country code|country region|land|laenderkuerzel|landerkurzel|laendercode|landercode|landeskennzeichen"
        "|staat|pays|code pays|pais|codigo de pais|codigo pais|paese|nazione|stato|landcode|kraj|kod kraju"
        "|billing country|default address country code"
    ),
    "city": (
        "city|town|ort|stadt|wohnort|ortschaft|ville|commune|localite|ciudad|poblacion|localidad|citta|comune"
        "|localita|stad|plaats|woonplaats|cidade|municipio|miasto|miejscowosc|billing city|default address city"
    ),
    "locale": (
        "locale|language|lang|language code|preferred language|sprache|sprachcode|korrespondenzsprache|langue|idioma"
        "|lengua|lingua|taal|taalcode|jezyk"
    ),
    "consent_at": (
        "consent at|consent date|opt in date|optin date|opt in time|opt in at|optin time|confirm time|subscribed at"
        "|subscribe date|subscription date|consent timestamp|email marketing consent date|confirmed at"
        "|einwilligungsdatum|einwilligung am|einwilligung vom|einwilligung erteilt am|zustimmung am"
        "|zustimmungsdatum|newsletter seit|newsletter anmeldedatum|newsletter anmeldung am|opt in datum|optin datum"
        "|bestaetigt am|bestatigt am|doi datum|doi am|abonniert am|eingewilligt am"
        "|date de consentement|date du consentement|date consentement|date d abonnement|date opt in"
        "|date inscription newsletter|fecha de consentimiento|fecha consentimiento|fecha de suscripcion"
        "|data consenso|data del consenso|data iscrizione newsletter|datum toestemming|toestemmingsdatum"
        "|opt in datum|datum opt in|aangemeld voor nieuwsbrief op|data do consentimento|data de consentimento"
        "|data de subscricao|data zgody|data wyrazenia zgody|data zapisu na newsletter"
    ),
    "tracking_consent": (
        "tracking|tracking consent|tracking allowed|email tracking|open tracking|analytics consent|track opens"
        "|tracking einwilligung|trackingeinwilligung|tracking erlaubt|oeffnungsmessung|offnungsmessung"
        "|einwilligung tracking|messung erlaubt|auswertung erlaubt|profiling"
        "|suivi|consentement suivi|suivi autorise|seguimiento|consentimiento seguimiento|tracciamento"
        "|consenso tracciamento|toestemming tracking|rastreamento|consentimento rastreamento|sledzenie|zgoda sledzenie"
    ),
    "created_at": (
        "created|created at|create date|date created|creation date|date added|added|added at|signup date|sign up date"
        "|signed up|registered|registered at|registration date|customer since|member since|joined|date joined"
        "|anmeldedatum|anmeldung|anmeldung am|angemeldet am|registriert am|registrierung|registrierungsdatum"
        "|erstellt|erstellt am|erstelldatum|erstellungsdatum|angelegt|angelegt am|anlagedatum|anlage am|kunde seit"
        "|mitglied seit|erfasst am|eintrittsdatum"
        "|date de creation|date creation|cree le|date d inscription|date inscription|inscrit le|client depuis"
        "|fecha de alta|fecha alta|fecha de creacion|fecha creacion|fecha de registro"
        "|fecha registro|creado"
        "|cliente desde"
        "|data creazione|data di creazione|data di registrazione|data registrazione|data di iscrizione|data iscrizione"
        "|creato il|cliente dal|aanmaakdatum|aangemaakt|aangemaakt op|aanmelddatum|inschrijfdatum|registratiedatum"
        "|klant sinds|data de criacao|data criacao|data de registo|data de cadastro|data cadastro|data de inscricao"
        "|criado em|data utworzenia|data rejestracji|data dodania|utworzono|klient od"
    ),
    "updated_at": (
        "updated|updated at|update date|changed|changed at|modified|modified at|last modified|last changed"
        "|last updated|last update|modification date|geaendert|geandert|geaendert am|geandert am|aenderungsdatum"
        "|anderungsdatum|letzte aenderung|letzte anderung|aktualisiert|aktualisiert am|bearbeitet am"
        "|date de modification|date modification|modifie le|derniere modification|date de mise a jour|mis a jour le"
        "|fecha de modificacion|fecha modificacion|ultima modificacion|actualizado|fecha de actualizacion"
        "|data modifica|data di modifica|ultima modifica|modificato il|aggiornato il|gewijzigd|gewijzigd op"
        "|wijzigingsdatum|laatst gewijzigd|bijgewerkt op|data de modificacao|data de alteracao|ultima alteracao"
        "|atualizado em|data modyfikacji|zmieniono|data aktualizacji|ostatnia zmiana"
    ),
}
_CONSENT = (
    "newsletter|consent|email consent|marketing consent|opt in|optin|opt in status|email opt in|newsletter opt in"
    "|subscribed|subscription|subscription status|email status|marketing|accepts marketing|accepts email marketing"
    "|email marketing consent|email marketing|email permission|permission|newsletter status"
    "|mailing|newsletter subscribed"
    "|einwilligung|einverstaendnis|einverstandnis|zustimmung|werbung|werbung erlaubt|werbeeinwilligung"
    "|newsletter einwilligung|newsletter anmeldung|newsletteranmeldung|newsletter erlaubt|newsletter gewuenscht"
    "|newsletter gewunscht|newsletter abonniert|e mail erlaubt|email erlaubt|e mail werbung|double opt in|doi|abonniert"
    "|abo status|abostatus|einwilligung newsletter|marketing einwilligung|datenschutz einwilligung|dsgvo einwilligung"
    "|consentement|accord|abonne|abonnement|abonne newsletter|inscrit newsletter|inscription newsletter|opt in email"
    "|infolettre|lettre d information|consentement newsletter|consentement marketing"
    "|consentimiento|suscrito|suscripcion|suscrito newsletter|boletin|acepta publicidad|acepta marketing"
    "|acepta newsletter|autoriza publicidad|consenso|iscritto|iscrizione newsletter|iscritto newsletter"
    "|consenso marketing|consenso newsletter|accetta marketing|toestemming|nieuwsbrief|aangemeld|ingeschreven"
    "|nieuwsbrief ontvangen|marketing toestemming|toestemming nieuwsbrief|consentimento|subscrito|inscrito|assinante"
    "|aceita marketing|aceita newsletter|boletim|zgoda|zgoda marketingowa|zgoda na newsletter|zgoda newsletter"
    "|subskrypcja|zapisany|newsletter zgoda|gdpr consent|gdpr|rgpd|dsgvo"
)
# A yes in these means stop.
_OPT_OUT = (
    "unsubscribed|opt out|optout|opted out|do not email|do not mail|do not contact|email opt out|no marketing"
    "|suppressed|has unsubscribed|abgemeldet|newsletter abgemeldet|abbestellt|werbesperre|mailsperre|keine werbung"
    "|kein newsletter|widerruf|widerrufen|widersprochen|werbewiderspruch|gesperrt fuer werbung"
    "|desabonne|desinscrit|desinscription|ne pas contacter|opposition|baja|dado de baja|no contactar"
    "|no desea publicidad|disiscritto|cancellato|non contattare|disiscrizione|afgemeld|uitgeschreven|niet mailen"
    "|geen nieuwsbrief|cancelado|descadastrado|nao contactar|cancelou inscricao|wypisany|rezygnacja|nie wysylac"
)
# What nobody must take for one of ours: "Geburtsdatum" is no date of creation.
_NOT_HELD = {
    "a birthday": (
        "birthday|birth date|date of birth|dob|geburtsdatum|geburtstag|geb datum|date de naissance|anniversaire"
        "|fecha de nacimiento|cumpleanos|data di nascita|compleanno|geboortedatum|verjaardag|data de nascimento"
        "|aniversario|data urodzenia|urodziny"
    ),
    "a phone number": (
        "phone|phone number|telephone|mobile|mobile phone|cell|fax|telefon|telefonnummer|handy|mobil|mobilnummer"
        "|rufnummer|telefono|movil|cellulare|portable|mobiel|telefoon|telefoonnummer|telefone|celular|telemovel"
        "|komorka|numer telefonu"
    ),
    "a street address": (
        "street|address|address line|address 1|address 2|house number|strasse|str|anschrift|adresse|hausnummer|hausnr"
        "|rue|calle|direccion|via|indirizzo|straat|adres|rua|endereco|morada|ulica|street address|postal address"
    ),
    "a postcode": (
        "zip|zip code|zipcode|postcode|postal code|plz|postleitzahl|code postal|cp|codigo postal|cap|cep"
        "|kod pocztowy|default address zip"
    ),
    "a salutation or gender": (
        "salutation|title|gender|sex|anrede|titel|geschlecht|civilite|sexe|genre|tratamiento|sexo|genero|trattamento"
        "|sesso|aanhef|geslacht|tratamento|plec|zwrot"
    ),
    "a full name in one": (
        "name|full name|fullname|contact name|customer name|kundenname|ansprechpartner|nom complet|nom prenom"
        "|nombre completo|nome completo|nome e cognome|volledige naam|naam|imie i nazwisko|nazwa"
    ),
    "a company": "company|organisation|organization|firma|unternehmen|entreprise|societe|empresa|azienda|bedrijf",
    "a region": "state|province|region|bundesland|kanton|departement|provincia|provincie|estado|wojewodztwo",
}
_ORDERS = {
    "order_id": (
        "order id|order|order no|order number|order name|transaction id|bestellnummer|bestell nr|auftragsnummer"
        "|auftrag|bestellung|belegnummer|rechnungsnummer|numero de commande|no commande|commande|id commande"
        "|numero de pedido|pedido|id pedido|numero ordine|ordine|id ordine|ordernummer|bestelnummer|numero do pedido"
        "|encomenda|numer zamowienia|zamowienie|nr zamowienia"
    ),
    "line_no": "line|line no|line number|position|pos|positionsnummer|ligne|linea|riga|regel|linha|pozycja",
    "customer_key": _CONTACTS["source_key"].replace("id|", "", 1),
    "email": _CONTACTS["email"],
    "product_id": (
        "product id|product|sku|item|item id|article|article number|lineitem sku|artikelnummer|artikel nr|artikel"
        "|artikelnr|produkt|produkt id|produktnummer|reference|ref produit|id produit|produit|articulo|producto"
        "|id producto|referencia|articolo|prodotto|codice articolo|id prodotto|productnummer|produto|id produto"
        "|id produktu|kod produktu"
    ),
    "quantity": "quantity|qty|lineitem quantity|menge|anzahl|stueck|stuck|quantite|cantidad"
    "|quantita|aantal|quantidade|ilosc",
    "amount": (
        "amount|total|price|value|revenue|line total|order total|grand total|subtotal|betrag|summe|gesamt"
        "|gesamtbetrag|umsatz|preis|gesamtpreis|wert|montant|prix|prix total|montant total|importe|precio"
        "|importo|totale|prezzo|bedrag|totaal|prijs|valor|preco|valor total|kwota|wartosc|cena|suma"
    ),
    "currency": "currency|currency code|waehrung|wahrung|devise|monnaie|moneda|divisa|valuta|moeda|waluta",
    "ordered_at": (
        "ordered at|order date|date|created at|purchase date|paid at|purchased at|bestelldatum|bestellt am|datum"
        "|auftragsdatum|kaufdatum|rechnungsdatum|date de commande|date commande|fecha de pedido|fecha pedido|fecha"
        "|data ordine|data|besteldatum|orderdatum|data do pedido|data zamowienia"
    ),
}
_PRODUCTS = {
    "product_id": _ORDERS["product_id"] + "|id|handle|variant sku",
    "name": (
        "name|title|product name|bezeichnung|produktname|artikelbezeichnung|titel|nom|titre|designation|nombre|titulo"
        "|nome|titolo|naam|nazwa|tytul"
    ),
    "category": (
        "category|type|product type|product category|kategorie|warengruppe|produktgruppe|categorie|categoria|rodzaj"
        "|kategoria"
    ),
    "price": _ORDERS["amount"].split("|total|")[0]
    + "|price|preis|vk|verkaufspreis|prix|precio|prezzo|prijs|preco|cena",
    "url": "url|link|product url|produktlink|produkturl|lien|enlace|adres url",
    "image_url": "image|image url|image link|image src|bild|bild url|bildlink|photo|imagen"
    "|immagine|afbeelding|imagem|zdjecie",
}

_GRANTED = (
    "ja|yes|oui|si|sí|sim|tak|j|y|true|wahr|vrai|verdadero|vero|verdadeiro|waar|prawda|1|opt-in|opted in|opted-in"
    "|opt in|optin|subscribed|granted|erteilt|angemeldet|abonniert|eingewilligt|zugestimmt|einverstanden|bestätigt"
    "|confirmed|double opt-in|abonné|abonne|inscrit|suscrito|iscritto|aangemeld|ingeschreven|inscrito|subscrito"
    "|zapisany|zgoda|accepted|accepté|aceptado|accettato|geaccepteerd|aceito|consented"
)
_DENIED = (
    "nein|no|non|não|nao|nie|nee|n|false|falsch|faux|falso|onwaar|fałsz|0|denied|verweigert|abgelehnt|refused|refusé"
    "|rechazado|rifiutato|geweigerd|recusado|odmowa|nicht angemeldet|not subscribed|not_subscribed|non-subscribed"
    "|never subscribed|declined|keine"
)
_UNSUBSCRIBED = (
    "unsubscribed|opt-out|opted out|opted-out|opt out|optout|abgemeldet|abbestellt|widerrufen|widersprochen|gesperrt"
    "|ausgetragen|désabonné|desabonne|désinscrit|desinscrit|baja|dado de baja|cancelado|disiscritto|cancellato"
    "|afgemeld|uitgeschreven|descadastrado|wypisany|rezygnacja|revoked|withdrawn|complained|spam"
)
_COUNTRY_CODES = (
    "AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL "
    "CM CN CO CR CU CV CY CZ DE DJ DK DM DO DZ EC EE EG ES ET FI FJ FO FR GA GB GE GG GH GI GL GM GN GP GR GT GW "
    "GY HK HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KR KW KZ LA LB LI LK LR LS LT LU LV LY MA "
    "MC MD ME MG MK ML MM MN MO MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NZ OM PA PE PG PH PK PL PR PT PY QA "
    "RE RO RS RU RW SA SC SD SE SG SI SK SL SM SN SO SR SV SY SZ TD TG TH TJ TM TN TR TT TW TZ UA UG UK US UY UZ "
    "VA VE VN YE ZA ZM ZW DEU AUT CHE FRA ESP ITA NLD PRT POL GBR USA BEL DNK SWE NOR FIN CZE IRL "
)
_COUNTRY_NAMES = (
    "germany|deutschland|allemagne|alemania|germania|duitsland|alemanha|niemcy|austria|osterreich|autriche|oostenrijk"
    "|switzerland|schweiz|suisse|suiza|svizzera|zwitserland|suica|szwajcaria|france|frankreich|francia|frankrijk|franca"
    "|francja|spain|spanien|espagne|espana|spagna|spanje|espanha|hiszpania|italy|italien|italie|italia|wlochy"
    "|netherlands|the netherlands|niederlande|pays bas|paises bajos|paesi bassi|nederland|holandia|portugal|portogallo"
    "|portugalia|poland|polen|pologne|polonia|polska|united kingdom|great britain|england|scotland|grossbritannien"
    "|vereinigtes konigreich|royaume uni|reino unido|regno unito|verenigd koninkrijk|wielka brytania|united states"
    "|united states of america|usa|vereinigte staaten|etats unis|estados unidos|stati uniti|verenigde staten"
    "|belgium|belgien|belgique|belgica|belgio|belgie|belgia|luxembourg|luxemburg|denmark|danemark|dinamarca|danimarca"
    "|denemarken|dania|sweden|schweden|suede|suecia|svezia|zweden|szwecja|norway|norwegen|norvege|noruega|norvegia"
    "|noorwegen|norwegia|finland|finnland|ireland|irland|irlande|irlanda|ierland"
    "|czech republic|tschechien|canada"
    "|kanada"
    "|brazil|brasil|brasilien|mexico|mexiko|argentina|liechtenstein|hungary|ungarn|greece|griechenland|turkey|turkei"
)
_LANGUAGES = (
    "german|deutsch|allemand|english|englisch|anglais|french|franzosisch|francais|spanish|spanisch|espanol|italian"
    "|italienisch|italiano|dutch|niederlandisch|nederlands|portuguese|portugues|polish|polnisch|polski|svenska|dansk"
)
LOCALE = re.compile(r"[a-z]{2}([-_][A-Za-z]{2})?")


def fold(text: str) -> str:
    """Return a heading as it is compared: no case, no accents, words apart: `E-Mail-Adresse` is `e mail adresse`."""
    return _NO_WORD.sub(" ", plain(_SPLIT_CAPITALS.sub(" ", text))).strip()


def plain(text: str) -> str:
    """Return a word in small letters without accents: `Sì` is `si`."""
    apart = text.casefold().replace("ł", "l").replace("ø", "o").replace("æ", "ae")
    return unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode()


def consent_state(word: str) -> str | None:
    """Return what a value of a consent column means; None for a word that must be asked about."""
    return CONSENT_WORDS.get(plain(word.strip()))


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split("|")))


HEADINGS: dict[str, dict[str, tuple[str, ...]]] = {
    kind: {field: _phrases(words) for field, words in fields.items()}
    for kind, fields in (("contacts", _CONTACTS), ("orders", _ORDERS), ("products", _PRODUCTS))
}
CONSENT_HEADINGS = _phrases(_CONSENT)
OPT_OUT_HEADINGS = _phrases(_OPT_OUT)
NOT_HELD: dict[str, tuple[str, ...]] = {what: _phrases(words) for what, words in _NOT_HELD.items()}

CONSENT_WORDS: dict[str, str] = {
    plain(word): state
    for state, words in (("granted", _GRANTED), ("denied", _DENIED), ("unsubscribed", _UNSUBSCRIBED))
    for word in _phrases(words)
}
"""What a value of a consent column means, without case and accents; a value that is not here is asked about."""

YES = frozenset(("ja", "yes", "oui", "si", "sim", "tak", "j", "y", "true", "wahr", "vrai", "vero", "1"))
COUNTRY_CODES = frozenset(_COUNTRY_CODES.split())
COUNTRY_NAMES = frozenset(_phrases(_COUNTRY_NAMES))
LANGUAGES = frozenset(_phrases(_LANGUAGES))
