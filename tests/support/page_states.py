"""Problems of the scripted service, one for each state of the page."""

BAKERY = (
    "A bakery made 54 cakes and 143 pastries. It sold 68 cakes and 92 pastries. How many more pastries than cakes did "
    "it sell?"
)
LIKELY, UNSURE, TORN, NONE, LATE, EARLY, LONG = (
    BAKERY,
    "A film starts at 18:45 and runs for 95 minutes. How many minutes after 20:00 does it end?",
    "A class of 30 pupils plants 6 trees each. How many trees does the class plant?",
    "How is the weather today?",
    "Muffins come in boxes of 12. Ann buys 4 boxes and eats 30 muffins with her class. How many are left?",
    "A train has 9 cars with 40 seats each. How many seats does the train have?",
    "A library has a main hall and three side rooms. " * 12 + "How many books does the library own in all?",
)
_BAKERY_COT = "The bakery sold 92 pastries and 68 cakes.\n92 - 68 = 24\nSo it sold 24 more pastries. The answer is 24"
_BAKERY_POT = "# pastries and cakes that were sold\npastries = 92\ncakes = 68\nans = pastries - cakes"

TEXTS: dict[str, list[str]] = {
    LIKELY: [
        _BAKERY_COT,
        _BAKERY_POT,
        "92 pastries - 68 cakes = 25 more pastries. The answer is 25",
        "import os\nans = 92 - 68",
        "It made 143 - 54 = 89 more pastries. The answer is 89",
        "sold = {'pastries': 92, 'cakes': 68}\nans = sold['pastries'] - sold['cakes']",
        _BAKERY_COT,
        "ans = 92 - 68",
    ],
    UNSURE: [
        "The film ends at 18:45 + 95 minutes = 20:20. That is 20 minutes after 20:00. The answer is 20",
        "start = 18 * 60 + 45\nend = start + 95\nans = end - 20 * 60",
        "95 - 75 = 20. The answer is 20",
        "ans = 95 - 45",
        "60 - 45 = 15 minutes to 19:00. 95 - 15 = 80. The answer is 80",
        "ans = 18.45 + 95 - 20",
        "I cannot read the clock.",
        "end = 18 * 60 + 45 + 95\nans = end - 1200",
    ],
    TORN: [
        "Each of the 30 pupils plants 6 trees. 30 * 6 = 180 trees. The answer is 180",
        "pupils = 30\ntrees = 6\nans = pupils * trees",
        "The class has 30 pupils, so it plants 30 trees. The answer is 30",
        "pupils = 30\nans = pupils",
    ],
    NONE: [
        "The weather is fine.",
        "import os\nans = os.popen('weather')",
        "I do not have a thermometer.",
        "ans = weather_today()",
        "The weather is fine.",
        "ans = open('/etc/hostname').read()",
    ],
    LATE: [
        "4 * 12 = 48 muffins. 48 - 30 = 18. The answer is 18",
        "muffins = 4 * 12\nans = muffins - 30",
        "They have 48 muffins. The answer is 48",
        "ans = 4 * 12 - 30",
        *["word " * 3000, "# comment\n" * 3000] * 4,
    ],
    EARLY: [
        "9 * 40 = 360 seats. The answer is 360",
        "ans = 9 * 40",
        "Nine cars with 40 seats have 360 seats. The answer is 360",
        "cars = 9\nans = cars * 40",
        *["word " * 3000, "# comment\n" * 3000] * 8,
    ],
    LONG: [
        "The main hall has 123456789 books and each side room 98765432. " * 4
        + "The answer is 123456789012345678901234",
        "books_in_the_main_hall_of_the_library = 123456789012345678901234  # a very long line that a phone cannot show\n"
        "ans = books_in_the_main_hall_of_the_library",
    ],
}
