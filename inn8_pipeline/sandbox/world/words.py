"""The words that generated records are made of. No person, company or address is a real one."""

GIVEN_NAMES = (
    "Thandi", "Sipho", "Anika", "Johan", "Lerato", "Pieter", "Nomsa", "Riaan", "Zanele", "Kabelo", "Chloë", "Mpho",
    "Aisha", "Yusuf", "Priya", "Rajesh", "Elmarie", "Dirk", "Nokuthula", "Bongani", "Siân", "Themba", "Ingrid", "Luan",
    "Ayanda", "Hendrik", "Refilwe", "Marlene", "Tumelo", "Zoë", "Graham", "Lindiwe", "Werner", "Naledi", "Fatima",
    "Craig",
)  # fmt: skip
SURNAMES = (
    "Dlamini", "Botha", "Naidoo", "van der Merwe", "Khumalo", "Pretorius", "Mokoena", "O'Reilly", "Govender", "Nkosi",
    "du Plessis", "Mahlangu", "Fourie", "Abrahams", "Molefe", "Swanepoel", "Pillay", "Zulu", "Smith",
    "Jansen van Rensburg",
    "Mthembu", "Coetzee", "Patel", "Sithole", "Müller", "Radebe", "Venter", "Ngcobo", "Adams", "Labuschagné",
)  # fmt: skip
STREETS = (
    "Protea Street", "Acacia Avenue", "Jacaranda Road", "Long Street", "Kloof Lane", "Church Street", "Marula Close",
    "Strelitzia Crescent", "Fynbos Way", "Vlei Road", "Baobab Drive", "Hill Street", "Yellowwood Place", "Dam Road",
)  # fmt: skip
# City, province, the first two digits of its postal codes.
CITIES = (
    ("Cape Town", "Western Cape", "80"), ("Stellenbosch", "Western Cape", "76"), ("Johannesburg", "Gauteng", "20"),
    ("Pretoria", "Gauteng", "01"), ("Durban", "KwaZulu-Natal", "40"), ("Gqeberha", "Eastern Cape", "60"),
    ("Bloemfontein", "Free State", "93"), ("Polokwane", "Limpopo", "07"), ("Mbombela", "Mpumalanga", "12"),
    ("Kimberley", "Northern Cape", "83"), ("Mahikeng", "North West", "27"),
)  # fmt: skip
MAIL_DOMAINS = ("example.com", "example.org", "example.net")

CLIENT_STATUSES = ("active",) * 12 + (
    "Active",
    "ACTIVE",
    "Active",
    "inactive",
    "Inactive",
    "suspended",
    "Suspended",
    None,
)
PORTFOLIO_STATUSES = ("active",) * 10 + (
    "Active",
    "ACTIVE",
    "pending",
    "Pending",
    "suspended",
    "closed",
    "Closed",
    None,
)
ACCOUNT_TYPES = (
    "individual", "Individual", "joint", "trust", "Company", "Retirement Annuity", "retirement_annuity",
    "retirement-annuity", "Preservation Fund", "preservation-fund", "living annuity", "LivingAnnuity", "endowment",
    "Endowment", "Tax Free", "tax-free", "TAX_FREE",
)  # fmt: skip
PURPOSES = ("Growth", "Income", "Balanced", "Retirement", "Education", "Offshore", "Cautious", "Property", "Reserve")

COMPANY_FIRST = (
    "Karoo", "Highveld", "Umhlanga", "Drakensberg", "Kalahari", "Overberg", "Limpopo Valley", "Cederberg", "Agulhas",
    "Magalies", "Tsitsikamma", "Bushveld", "Namaqua", "Winterberg", "Algoa", "Maluti",
)  # fmt: skip
COMPANY_SECOND = (
    "Mining", "Retail", "Bancorp", "Telecoms", "Foods", "Insurance", "Properties", "Energy", "Logistics", "Paper",
    "Healthcare", "Steel", "Media", "Hospitality",
)  # fmt: skip
FUND_KINDS = ("Balanced Fund", "Equity Fund", "Money Market Fund", "Bond Fund", "Global Feeder Fund", "Stable Fund")
