"""What mail servers and out-of-office notes say, by language: the only place with words of other tongues.

Each table is one pattern, matched without regard to case. Add a language as one line to each table that needs it, with
words that such notices use and people's mail does not; what follows from a match is decided by `text`, `classify` and
`auto_reply`. Patterns never repeat without a limit, since strangers write what they are matched against.
"""

import re


def any_of(*patterns: str) -> re.Pattern[str]:
    """Return one pattern for all of these."""
    return re.compile("|".join(patterns), re.IGNORECASE)


_NOUN = r"(?:user|recipient|address|mailbox|account)"

SYSTEM_SUBJECT = any_of(
    r"undeliver|non.?deliver|not delivered|failure (?:notice|deliver)|returning message|bounced?\b|message status",
    r"deliver\w* (?:status|report|problem|fail|error|incomplete|notif)|delayed mail|warning: ",
    r"(?:fail\w*|error|problem)[^\n]{0,20}\b(?:mail|deliver|message)|mail[^\n]{0,16}(?:error|fail|return)",
    r"returned (?:e?mail|to sender)|mail could not be|could ?n[o']t (?:be )?deliver|mail delivery|delivery delayed",
    r"processing error|user unknown|mail system error|message you sent blocked|address not found",
    r"unzustellbar|nicht zustellbar|zustellung|fehler bei|verzögert",  # de
    # fr
    r"non remis|non distribu|échec de (?:la )?(?:remise|distribution)|remise (?:retard|différ)|non délivr|retour de",
    # es
    r"no se (?:ha podido|puede|pudo) entregar|no entregado|error (?:de|en la) entrega|entrega (?:fallida|retrasada)",
    r"non recapitabile|mancat[oa] (?:recapito|consegna)|impossibile recapitare|messaggio non consegnato",  # it
    # pt
    r"não (?:entregue|é possível entregar|foi possível entregar|entregável)|falha na entrega|entrega (?:atras|falh)",
    r"onbestelbaar|niet (?:be|af)geleverd|niet bezorgd|kan niet worden (?:be|af)geleverd",  # nl
    r"olevererbar|kunde inte levereras|gick inte att leverera|leveransfel",  # sv
    r"kan ikke leveres|kunne ikke leveres|uleverbar|ikke levert|ikke leveret",  # da, no
    r"toimittaminen|ei voi(?:tu|da) toimittaa|ei toimitettu",  # fi
    r"niedostarczalne|nie dostarczono|nie można dostarczyć|zwrot wiadomości|niedoręcz",  # pl
    r"nedoručiteln|nelze doručit|nedoručen",  # cs, sk
    r"kézbesíthetetlen|nem kézbesíthető|sikertelen kézbesítés",  # hu
    r"недоставлен|не доставлен|не удалось доставить|ошибка доставки|возврат",  # ru
    r"teslim edilemedi|iletilemedi|teslim edilemeyen",  # tr
    r"αδύνατη η παράδοση|δεν παραδόθηκε",  # el
    r"配信不能|配信できません|配達(?:不能|できません)|送信エラー|不達|エラーメール|配信エラー",  # ja
    r"退信|无法(?:投递|送达|传递|发送)|未(?:送达|传递)|無法(?:投遞|傳遞|傳送|送達)|未(?:傳遞|送達)|投递失败",  # zh
    r"배달(?:되지 않음| 실패|할 수 없)|전송 실패|반송",  # ko
)

FAILED = any_of(
    r"(?:could|can|did|was|were|has|have|is) ?(?:not|n.t) (?:be |been |able to )?(?:deliver|reach|receive|sen[dt])",
    r"undeliver|not delivered|failed to deliver|delivery failure|unable to (?:be )?deliver",
    r"(?:had|have|has) delivery (?:problem|error)s?",
    r"delivery (?:has |to [^\n]{0,80})?fail|delivery failed|trouble delivering|errors? delivering|error mailing",
    r"following address|failed (?:recipient|address)|permanent (?:fatal )?error|returned to (?:the )?sender",
    rf"not? (?:exist|known|found)|(?:unknown|no such|invalid|illegal)[^\n]{{0,12}} {_NOUN}|invalid final delivery",
    rf"{_NOUN}\b[^\n]{{0,60}}(?:unknown|unavailable|full|exceed|disabled|invalid|not recogni|not (?:be )?found|"
    rf"limited)",
    r"over ?quota|error (?:mailing|transfer|in deliver|was detected|has occurred)|encountered an error|rejected",
    r"exactly match|aborted after|no (?:valid|such|mail ?box)|postponed",
    r"(?:has been|not yet been) (?:delayed|delivered)",
    r"unknown (?:host|domain|user)|message is delayed|failed with|affected recipients|not accepting mail",
    r"was blocked by",
    r"nicht (?:\w+ ){0,3}zugestellt|nicht zustellbar|unzustellbar",
    r"zustellung[^\n]{0,60}(?:fehlgeschlagen|nicht möglich)",
    r"(?:empfänger|adresse|postfach|benutzer)[^\n]{0,60}(?:unbekannt|existiert nicht|nicht gefunden|voll)",
    r"n.a (?:pas )?(?:pu|pas pu) [eê]tre|non remis|échec de la remise|pas [eê]tre (?:remis|distribu|délivr)",
    r"n.existe pas",
    r"no (?:se )?(?:ha podido|pudo|puede|ha sido posible|fue posible) (?:ser )?entrega|no entregado|no existe",
    r"impossibile (?:recapitare|consegnare)|non è stato (?:possibile )?(?:recapit|consegn)|non esiste|mancata consegna",
    r"não (?:pôde|pode|foi) (?:ser )?(?:possível )?entreg|não entreg|não existe|não foi encontrad",
    r"niet (?:worden |kunnen )?(?:be|af)geleverd|onbestelbaar|niet bezorgd|bestaat niet",
    r"kunde inte levereras|gick inte att leverera|inte levererats|finns inte|(?:kunne|kan) ikke (?:bli )?lever",
    r"ei voi(?:tu|da) toimittaa|toimittaminen[^\n]{0,40}epäonnistui|ei löydy",
    r"nie (?:można|mogła|może|udało się|została?) (?:być )?dostarcz|niedostarcz|nie istnieje|nie zosta\w+ doręcz",
    r"nelze doručit|nebylo možné doručit|nepodařilo se doručit|neexistuje|nem (?:sikerült )?kézbesít",
    r"не (?:может|могло|удалось|было|удаётся) (?:быть )?достав|недоставлен|не доставлен|не существует|не найден",
    r"teslim edilemedi|iletilemedi|δεν (?:ήταν δυνατή|παραδόθηκε)|nu a putut fi livrat",
    r"配信(?:できま|不能)|配達(?:できま|不能)|送信できま|届けることができ|届きません|お届けできま|存在しま|見つかりま",
    r"无法(?:投递|送达|传递|发送|投遞)|未(?:能送达|送达|传递)|退信|不存在|無法(?:投遞|傳遞|傳送|送達)|未(?:傳遞|送達)",
    r"배달(?:되지|할 수)|전달(?:되지|할 수)|전송(?:되지|할 수)|존재하지 않",
    r"(?:fehler bei der|fehlgeschlagene) (?:nachrichten)?zustellung|recapito non riuscito|error de entrega",
    r"falha na entrega",
    r"bezorging[^\n]{0,80}mislukt|lever(?:ans|ing)\w*[^\n]{0,80}(?:misslyckades|mislykkedes|mislyktes)",
    r"toimitus[^\n]{0,80}epäonn",
    r"doručení[^\n]{0,80}selhalo|kézbesítés[^\n]{0,80}nem sikerült|сбой доставки|teslim başarısız",
    r"παράδοση[^\n]{0,80}απέτυχε",
    r"配信に失敗|传递[^\n]{0,40}失败|傳遞[^\n]{0,40}失敗|배달하지 못",
)

DELAYED = any_of(
    r"\b(?:warning|delayed)\b[^\n]{0,60}(?:deliver|could not|message|mail|delay|sen[dt])|this is (?:just )?a warning",
    r"delivery (?:is |has been |was )?delayed|not yet (?:been )?deliver",
    r"has (?:not )?(?:yet )?been (?:delayed|postponed)",
    r"will (?:be re-?tried|continue|keep|re-?try|try again)|attempts\s+will\s+continue|still (?:be )?(?:trying|queued)",
    r"you do not need to resend|message is delayed|temporary problem delivering|delivery incomplete|continue to try",
    r"verzögert|noch nicht (?:\w+ ){0,2}zugestellt|zustellung wird (?:weiterhin|erneut)",
    r"(?:remise|distribution|livraison|message)[^\n]{0,60}(?:retardée?|différée?)|pas encore (?:été|pu)",
    r"(?:se ha|está) retras|aún no se ha (?:podido )?entrega|è in ritardo|consegna[^\n]{0,30}ritard|non ancora consegn",
    r"(?:está|foi) atras|ainda não foi entreg|entrega[^\n]{0,30}(?:atrasada|adiada)|vertraagd|vertraging",
    r"nog niet bezorgd",
    r"försenad|fördröj|forsinket|viivästy|opóźni|zpožděn|késleltet",
    r"задерж(?:ана|ка|ивается)|отложена?|ещё не доставлен|gecikti",
    r"遅延|遅れて|再送(?:を|信)|延迟|延遲|延误|지연",
)

GAVE_UP = any_of(
    r"(?:have|has|'ve|am|are|is) (?:given|giving) up|not going to try|no further (?:delivery )?attempt",
    r"permanent (?:fatal )?error|will not (?:be )?(?:re-?tr|continue|try)|has failed permanently|failed permanently",
    r"giving up[.;,]",
)

LIST_FOLLOWS = any_of(
    r"(?:did not reach|deliver\w* to|not delivered to|fail\w* to|to) (?:one or more of )?(?:the following|"
    r"these)[^\n]{0,60}",
    r"following (?:address|recipient|user|person)[^\n]{0,60}|failed (?:addresses|recipients?(?:\(s\))?)[^\n]{0,40}",
    r"(?:could|can) ?not be delivered to:?|was not delivered to:?|recipients? w(?:as|ere) affected[^\n]{0,20}",
    r"(?:rejected|list of) (?:the )?(?:affected |following )?recipients?[^\n]{0,60}|failure reasons[^\n]{0,20}",
    r"(?:folgenden?|diesen|diese|nachstehenden?) (?:empfänger|adresse|benutzer|personen)\w*[^\n]{0,60}",
    r"(?:destinataires?|adresses?|destinatari[oi]s?|listas?|direcciones|endereços|indirizzi) (?:suivante?s?|"
    r"ou groupes|o grupos|o listas|seguent[ie]|siguientes?|a continuación|seguintes?)[^\n]{0,60}",
    r"(?:volgende|följande|følgende|seuraav\w+|następując\w+|následujíc\w+|следующ\w+) (?:geadresseerde|ontvanger|"
    r"adres|mottagar|person|modtager|vastaanot|odbiorc|adresat|příjemc|adres|получател|адрес)\w*[^\n]{0,60}",
    r"次の(?:受信者|宛先|あて先|アドレス|メールアドレス)[^\n]{0,40}|以下の(?:受信者|宛先|アドレス)[^\n]{0,40}",
    r"(?:以下|下列)(?:收件人|地址|邮箱)[^\n]{0,40}|다음 (?:받는 사람|수신자)[^\n]{0,40}",
)

UNKNOWN_ADDRESS = (
    r"(?:empfänger|adresse|postfach|benutzer|konto)\w*\b[^.\n]{0,60}(?:unbekannt|existiert nicht|nicht (?:gefunden|"
    r"vorhanden)|deaktiviert|gelöscht)|"
    r"unbekannte[rn]? (?:empfänger|benutzer|adresse)|"
    r"(?:utilisateur|destinataire|adresse|boîte)[^.\n]{0,60}(?:inconnu|n.existe p|introuvable|non trouvé|désactivé)|"
    r"(?:usuario|destinatario|dirección|buzón|cuenta)[^.\n]{0,60}(?:desconocid|no existe|no encontrad|no se "
    r"(?:ha )?encontr|deshabilitad)|"
    r"(?:utente|destinatario|indirizzo|casella)[^.\n]{0,60}(?:sconosciut|non esiste|inesistente|non trovat)|"
    r"(?:usuário|destinatário|endereço|caixa)[^.\n]{0,60}(?:desconhecid|não existe|inexistente|não "
    r"(?:foi )?encontrad)|"
    r"(?:gebruiker|ontvanger|geadresseerde|adres|postvak)[^.\n]{0,60}(?:onbekend|bestaat niet|niet gevonden)|"
    r"(?:mottagare|användare|adress|modtager|bruger|mottaker|bruker)\w*[^.\n]{0,60}(?:okänd|finns inte|"
    r"hittades inte|ukendt|ukjent|findes ikke|finnes ikke)|"
    r"(?:adresat|odbiorc|użytkownik|adres|skrzynk|konto)\w*[^.\n]{0,60}(?:nieznan|nie istnieje|nie (?:został\w* )?"
    r"(?:znalezion|odnalezion))|"
    r"(?:uživatel|příjemce|adresa|schránka)[^.\n]{0,60}(?:neznám|neexistuje|nenalezen)|"
    r"(?:пользовател|получател|адрес|ящик)\w*[^.\n]{0,60}(?:неизвест|не существует|не найден|заблокирован|отключ)|"
    r"(?:宛先|ユーザー?|アドレス|受信者)[^\n]{0,30}(?:見つかりま|存在しま|不明|ありません)|"
    r"(?:用户|用戶|使用者|收件人|地址|帐户|帐号|账号|邮箱|信箱)[^\n]{0,20}(?:不存在|未知|找不到|停用|无效|無效)|找不到[^\n]{0,20}(?:地址|收件人|用户|使用者|邮箱)|"
    r"(?:사용자|수신자|주소|받는 사람)[^\n]{0,30}(?:존재하지|찾을 수 없|없습니다)"
)

FULL_MAILBOX = (
    r"(?:postfach|mailbox|speicherplatz|kontingent)[^.\n]{0,60}(?:\bvoll\b|überfüllt|überschritten|erschöpft)|"
    r"(?:boîte|bal|quota)[^.\n]{0,60}(?:pleine|saturée|dépassé)|"
    r"(?:buzón|cuota|bandeja)[^.\n]{0,60}(?:llen[oa]|excedid|superad)|"
    r"(?:casella|quota)[^.\n]{0,60}(?:pien[ao]|superat)|(?:caixa|quota|cota)[^.\n]{0,60}(?:chei[ao]|excedid)|"
    r"(?:postvak|mailbox)[^.\n]{0,40}\bvol\b|(?:brevlåda|inkorg|postkasse|innboks)\w*[^.\n]{0,40}(?:full|fuld)|"
    r"skrzynk\w*[^.\n]{0,60}(?:pełn|przepełn)|schránka[^.\n]{0,40}pln|"
    r"(?:ящик|квота)\w*[^.\n]{0,60}(?:переполн|заполн|превыш)|メールボックス[^\n]{0,30}(?:いっぱい|容量|満杯)|"
    r"容量(?:が|を)[^\n]{0,20}(?:いっぱい|超)|(?:邮箱|信箱|郵箱|空间|容量)[^\n]{0,12}(?:已满|已滿|满了|不足|超出)|(?:편지함|사서함)[^\n]{0,20}(?:가득|초과)"
)

AWAY_SUBJECT = any_of(
    r"\bout[ -]of[ -](?:the[ -])?office|\booo\b|auto(?:matic|mated)?[ -]?(?:reply|response|answer|responder)",
    r"vacation|on (?:annual |maternity |parental |sick |medical )?(?:leave|holiday)",
    r"away from (?:the |my )?(?:office|desk|mail)",
    r"abwesen|nicht im (?:büro|haus)|automatische antwort|im urlaub|eingangsbestätigung|außer haus",  # de
    r"absence|absent|réponse automatique|hors (?:du )?bureau|en (?:vacances|congés?)\b|accusé de réception",  # fr
    r"respuesta automática|fuera de (?:la )?oficina|ausen(?:te|cia)|de vacaciones|acuse de recibo",  # es, pt
    r"risposta automatica|fuori (?:sede|ufficio)|assen(?:te|za)|in ferie",  # it
    # pt, nl
    r"resposta automática|fora do escritório|de férias|automatisch antwoord|afwezig|niet aanwezig|met vakantie",
    # nordic
    r"autosvar|automatiskt? svar|frånvar|fraværend|fravær|på semester|på ferie|poissa|automaattinen vastaus|lomalla",
    r"automatyczna odpowiedź|autoodpowiedź|poza biurem|nieobecn|na urlopie|automatická odpověď|nepřítomn",  # pl, cs
    # ru, tr, el
    r"автоответ|автоматический ответ|отсутств|в отпуске|otomatik (?:yanıt|cevap)|ofis dışında|αυτόματη απάντηση",
    r"自動(?:返信|応答|回覆)|不在|休暇|自动(?:回复|答复)|外出|不在办公|부재 중|자동 (?:회신|응답)",  # ja, zh, ko
)

CHALLENGE_SUBJECT = any_of(
    r"(?:please )?(?:verify|confirm) your (?:e-?mail|message|address)|confirm(?:ation)? (?:required|needed|request)",
    r"(?:message|e-?mail|sender)[^\n]{0,40}(?:requires? (?:verification|confirmation|approval)|needs? "
    r"(?:verification|your confirmation))",
    r"challenge.?response|boxbe|spam ?arrest|your (?:e-?mail|message) is (?:awaiting|waiting|being held)",
)
