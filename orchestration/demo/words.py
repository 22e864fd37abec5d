"""The words the sample shop is made of: people, places, mailbox providers, products.

Add words here to make the sample data more varied. All domains are under reserved names (RFC 2606), the
shop and its products are invented; how the words are combined belongs to ``shop``.
"""

# fmt: off
FIRST_NAMES = (
    "Anna", "Ben", "Clara", "David", "Elif", "Finn", "Greta", "Hugo", "Ida", "Jonas", "Karla", "Leo", "Mila",
    "Noah", "Olga", "Paul", "Quinn", "Rosa", "Samir", "Tessa", "Umar", "Vera", "Willem", "Xenia", "Yusuf", "Zoe",
    "Aïcha", "Björn", "Chloé", "Dáithí", "Émile", "Françoise", "Gökhan", "Håkon", "Inês", "Jörg", "Kateřina",
    "Łukasz", "Márta", "Niño", "Øyvind", "Paweł", "Renée", "Sören", "Térèse", "Ümit", "Väinö", "Wiktoria",
    "Yağmur", "Žofia", "Amelia", "Bruno", "Carmen", "Diego", "Elena", "Felix", "Giulia", "Hannah", "Ivan",
    "Julia", "Kenji", "Lena", "Marco", "Nora", "Oscar", "Petra", "Rafael", "Sofia", "Thomas", "Ursula", "Viktor",
    "Wanda",
)
LAST_NAMES = (
    "Adler", "Baker", "Castro", "Dubois", "Eriksen", "Fischer", "Garcia", "Hoffmann", "Ivanov", "Jansen",
    "Keller", "Larsen", "Meier", "Novak", "Olsen", "Petrov", "Quist", "Rossi", "Schmidt", "Tanaka", "Ulrich",
    "Vogel", "Weber", "Xavier", "Yilmaz", "Zimmer", "Andersson", "Brandt", "Carvalho", "Dvořák", "Ek",
    "Fernández", "Grün", "Härkönen", "Iversen", "Jørgensen", "Kovács", "Lévêque", "Müller", "Nowak", "O'Brien",
    "D'Angelo", "Peña", "Quiñones", "Rüegg", "Strauß", "Türk", "Urban", "Virtanen", "Wójcik", "Young", "Żak",
    "Bianchi", "Costa", "Dahl", "Evans", "Foster", "Green", "Hughes", "Isaksen", "Jones", "King", "Lopez",
    "Moore", "Nilsson",
)

# fmt: on
# Country, locale, cities.
PLACES = (
    ("DE", "de-DE", ("Berlin", "Hamburg", "München", "Köln", "Freiburg im Breisgau")),
    ("GB", "en-GB", ("London", "Leeds", "Bristol", "Inverness", "Stoke-on-Trent")),
    ("FR", "fr-FR", ("Paris", "Lyon", "Grenoble", "L'Haÿ-les-Roses")),
    ("NL", "nl-NL", ("Utrecht", "Amsterdam", "'s-Hertogenbosch")),
    ("SE", "sv-SE", ("Stockholm", "Umeå", "Malmö")),
    ("NO", "nb-NO", ("Oslo", "Tromsø", "Bergen")),
    ("PL", "pl-PL", ("Kraków", "Łódź", "Gdańsk")),
    ("ES", "es-ES", ("Madrid", "A Coruña", "Bilbao")),
    ("IT", "it-IT", ("Torino", "Bolzano", "Cortina d'Ampezzo")),
    ("US", "en-US", ("Portland", "Denver", "Boise")),
)
PLACE_WEIGHTS = (26, 18, 12, 8, 8, 5, 8, 6, 5, 4)

# Mailbox providers with their share in percent; the rest are companies and small domains.
PROVIDERS = {
    "gmail.example": 33,
    "icloud.example": 21,
    "outlook.example": 13,
    "gmx.example": 8,
    "yahoo.example": 7,
    "webmail.example": 4,
    "posteo.test": 2,
    "müller.example": 0.5,
    "bücherwald.example": 0.4,
    "例え.example": 0.2,
    "mail.co-op.test": 1.4,
}
COMPANIES = tuple(f"corp-{number:02}.example" for number in range(1, 25))
COMPANIES_SHARE = 9.5

BROKEN_ADDRESSES = (
    "",
    "n/a",
    "{local}",
    "{local}@",
    "@{domain}",
    "{local}@@{domain}",
    "{local} {domain}",
    "{local}@{domain},second@{domain}",
    "{local}@gmail",
    "{local}@.{domain}",
    "{local}..x@{domain}",
    ".{local}@{domain}",
    "{local}@-bad-.example",
    "{local}\u2028@{domain}",
    "{local}(home)@{domain}",
    "mailto:{local}@{domain}",
    "{local}@[127.0.0.1]",
    "{local}@{domain}\nBcc: everyone@victim.example",
)

# First name, last name: what people and forms really put there.
ODD_NAMES = (
    ("Zoë 🏔️", "O'Neill-D’Arcy"),
    ("עִידוֹ", "לוי"),
    ("محمد", "الأحمد"),
    ("<b>Max</b>", "Muster & Söhne"),
    ("Robert'); DROP TABLE contacts;--", "Tables"),
    ("{{ contact.email }}", "{% raw %}"),
    ("Eve\r\nBcc: everyone@victim.example", "Header"),
    ("Mallory\nSubject: You won", "Inject"),
    ("  ", "Nobody"),
    ("Ann\tMarie", 'The "Hiker"'),
    ("<script>alert(1)</script>", "Script"),
    ("\u202eelttil", "Override"),
    ('=HYPERLINK("http://evil.example")', "Formula"),
    ("Jean-\nPierre", "de la Tour,\nFils"),
    ("田中", "さくら"),
    ("A" * 180, "Long"),
)

# fmt: off
MATERIALS = (
    "Merino", "Down", "Ripstop", "Alpine", "Granite", "Northern", "Trail", "Glacier", "Birch", "Storm", "Fjord",
    "Summit", "Cedar", "Ridge", "Moss", "Basalt", "Tundra", "Polar", "River", "Ember",
)
# fmt: on
# Thing, category, lowest and highest price.
THINGS = (
    ("Jacket", "Clothing", 89, 420),
    ("Base Layer", "Clothing", 35, 110),
    ("Gloves", "Clothing", 19, 85),
    ("Tent", "Camp", 149, 780),
    ("Sleeping Bag", "Camp", 79, 490),
    ("Stove", "Camp", 29, 160),
    ("Headlamp", "Gear", 19, 95),
    ("Backpack", "Gear", 59, 290),
    ("Trekking Poles", "Gear", 39, 180),
    ("Boots", "Footwear", 99, 310),
)
