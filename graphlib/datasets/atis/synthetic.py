"""Synthetic airline-travel utterances with slot labels, made up from a small grammar.

They have the form and the label names of ATIS, so that whatever works on ATIS can be tried without it; they
are far simpler, and results on them say nothing about ATIS.
"""

import numpy as np

# A rule's alternatives, one a line. <name> is expanded by the rule of that name; {name} becomes one of the
# values of that slot, whose words are labelled B-name, I-name, ...; other words are labelled O.
_RULES = {
    name: [line.strip() for line in alternatives.strip().split("\n")]
    for name, alternatives in {
        "utterance": """
            <polite> <flights> <route> <constraints>
            <polite> <flights> <route> <constraints>
            <polite> <flights> <constraints> <route>
            <polite> <cost> fare <route> <constraints>
            <polite> <cost> {round_trip} fare <route>
            what is the <cost> fare <route> on {airline_name}
            how much is a {class_type} ticket <route> <constraints>
            what {transport_type} is there <ground>
            <polite> ground transportation <ground>
            <polite> ground transportation between {fromloc.airport_name} and downtown {city_name}
            what type of aircraft is used on {airline_name} flight {flight_number}
            what does fare code {fare_basis_code} mean
            which airlines fly <route>
            which airlines have {flight_stop} flights <route> <constraints>
            what {meal_description} is served on {airline_name} flight {flight_number} <route>
            how many flights does {airline_name} have <route>
            where is {airport_name}
            what is the distance from {fromloc.airport_name} to downtown {toloc.city_name}
            i need to return from {fromloc.city_name} to {toloc.city_name} on {return_date.day_name}
        """,
        "polite": """
            show me
            please list
            i would like
            i need
            give me
            what are
            can you show me
            i'm looking for
            do you have
        """,
        "flights": """
            flights
            all flights
            the {flight_mod} flight
            {flight_stop} flights
            {airline_name} flights
            a {class_type} flight
            {round_trip} flights
            {cost_relative} flights
            a flight
        """,
        "cost": """
            the {cost_relative}
            the
            a {class_type}
        """,
        "route": """
            from {fromloc.city_name} to {toloc.city_name}
            from {fromloc.city_name} to {toloc.city_name}
            from {fromloc.city_name} {fromloc.state_name} to {toloc.city_name}
            to {toloc.city_name} from {fromloc.city_name}
            between {fromloc.city_name} and {toloc.city_name}
            from {fromloc.city_name} to {toloc.city_name} {toloc.state_name}
            from {fromloc.city_name} to {toloc.city_name} via {stoploc.city_name}
            leaving {fromloc.city_name} and arriving in {toloc.city_name}
            from {fromloc.airport_code} to {toloc.airport_code}
        """,
        "constraints": """
            <date>
            <departure>
            <date> <departure>
            <date> <arrival>
            <arrival>
            <carrier>
            <date> <carrier>
            with a stopover in {stoploc.city_name}
            serving {meal_description}
            for less than {fare_amount}
            that are {flight_stop}
            please
        """,
        "date": """
            on {depart_date.day_name}
            {depart_date.today_relative}
            on {depart_date.month_name} {depart_date.day_number}
            {depart_date.date_relative} {depart_date.day_name}
            on {depart_date.day_name} {depart_time.period_of_day}
        """,
        "departure": """
            leaving {depart_time.time_relative} {depart_time.time}
            departing at {depart_time.time}
            in the {depart_time.period_of_day}
            leaving between {depart_time.start_time} and {depart_time.end_time}
        """,
        "arrival": """
            arriving {arrive_time.time_relative} {arrive_time.time}
            that arrive on {arrive_date.day_name}
            arriving in the {arrive_time.period_of_day}
            arriving on {arrive_date.month_name} {arrive_date.day_number}
        """,
        "carrier": """
            on {airline_name}
            on airline {airline_code}
            using a {aircraft_code}
        """,
        "ground": """
            in {city_name}
            from {airport_name} to downtown
            at {airport_name} {day_name}
        """,
    }.items()
}


def _values(text: str) -> list[str]:
    return [value.strip() for value in text.split(",")]


_CITIES = _values(
    "boston, denver, atlanta, san francisco, new york, baltimore, philadelphia, dallas, pittsburgh, oakland, "
    "los angeles, salt lake city, st. louis, fort worth, kansas city, san diego, charlotte, milwaukee, "
    "washington, phoenix, detroit, las vegas, orlando, tampa, seattle, memphis, cleveland, st. petersburg, "
    "houston, minneapolis, nashville, columbus, long beach, toronto, montreal, miami, newark, chicago, "
    "indianapolis, san jose, burbank, ontario, cincinnati, westchester county, st. paul, tacoma"
)
_STATES = _values("california, texas, florida, north carolina, new jersey, ohio, arizona, washington, utah")
_AIRPORTS = _values(
    "logan airport, love field, general mitchell international, stapleton airport, la guardia, "
    "kennedy airport, o'hare airport, dallas fort worth airport, philadelphia airport, san francisco airport"
)
_AIRPORT_CODES = _values("bos, dfw, sfo, atl, jfk, lga, ewr, den, ord, mco, oak, bwi")
_DAYS = _values("monday, tuesday, wednesday, thursday, friday, saturday, sunday")
_MONTHS = _values(
    "january, february, march, april, may, june, july, august, september, october, november, december"
)
_DAY_NUMBERS = _values(
    "first, second, third, fourth, fifth, sixth, seventh, eighth, ninth, tenth, eleventh, twelfth, "
    "fifteenth, sixteenth, twentieth, twenty first, twenty second, twenty seventh, thirtieth, 8, 12, 23"
)
_PERIODS = _values("morning, afternoon, evening, night, early morning, late afternoon, noon")
_TIMES = _values(
    "8 am, 9 am, 10 am, 11 am, noon, 12 o'clock, 1 pm, 2 pm, 4 pm, 5 pm, 530 pm, 6 pm, 7 o'clock, 8 pm, "
    "9 o'clock am, 1000 am, 1115 am, 1245 pm, 1700, 1850, 718 am"
)
_TIME_RELATIONS = _values("before, after, around, by, no later than")

_SLOTS = {
    "aircraft_code": _values("747, 757, 767, dc10, m80, 737, d9s, f28"),
    "airline_code": _values("aa, ua, dl, us, tw, hp, co, nw"),
    "airline_name": _values(
        "american airlines, united airlines, delta, delta airlines, continental, us air, twa, northwest, "
        "northwest airlines, eastern airlines, lufthansa, midwest express, southwest airlines, "
        "america west airlines, alaska airlines, canadian airlines international, nationair, united"
    ),
    "airport_name": _AIRPORTS,
    "arrive_date.day_name": _DAYS,
    "arrive_date.day_number": _DAY_NUMBERS,
    "arrive_date.month_name": _MONTHS,
    "arrive_time.period_of_day": _PERIODS,
    "arrive_time.time": _TIMES,
    "arrive_time.time_relative": _TIME_RELATIONS,
    "city_name": _CITIES,
    "class_type": _values("first class, coach, business class, economy, thrift"),
    "cost_relative": _values("cheapest, least expensive, lowest, most expensive, highest, cheap"),
    "day_name": _DAYS,
    "depart_date.date_relative": _values("next, this, this coming"),
    "depart_date.day_name": _DAYS,
    "depart_date.day_number": _DAY_NUMBERS,
    "depart_date.month_name": _MONTHS,
    "depart_date.today_relative": _values("today, tomorrow, the day after tomorrow, tonight"),
    "depart_time.end_time": _TIMES,
    "depart_time.period_of_day": _PERIODS,
    "depart_time.start_time": _TIMES,
    "depart_time.time": _TIMES,
    "depart_time.time_relative": _TIME_RELATIONS,
    "fare_amount": _values("200 dollars, 300 dollars, 400 dollars, 1000 dollars, 150 dollars"),
    "fare_basis_code": _values("y, qx, f, h, fn, q, qw, yn, bh"),
    "flight_mod": _values("first, last, latest, earliest, shortest, next"),
    "flight_number": _values("19, 21, 98, 201, 270, 345, 415, 417, 505, 539, 771, 852, 1039, 3724, 4400"),
    "flight_stop": _values("nonstop, non stop, direct, one stop"),
    "fromloc.airport_code": _AIRPORT_CODES,
    "fromloc.airport_name": _AIRPORTS,
    "fromloc.city_name": _CITIES,
    "fromloc.state_name": _STATES,
    "meal_description": _values("breakfast, lunch, dinner, a snack, a meal"),
    "return_date.day_name": _DAYS,
    "round_trip": _values("round trip, one way, roundtrip"),
    "stoploc.city_name": _CITIES,
    "toloc.airport_code": _AIRPORT_CODES,
    "toloc.city_name": _CITIES,
    "toloc.state_name": _STATES,
    "transport_type": _values("limousine service, rental car, taxi, car rental, bus, train"),
}


def _expand(symbol: str, rng: np.random.RandomState) -> list[tuple[str, str]]:
    """The (word, label) pairs of one random expansion of a symbol of the grammar."""
    kind, name = symbol[0], symbol[1:-1]
    if kind == "<":
        alternatives = _RULES[name]
        parts = alternatives[rng.randint(len(alternatives))].split()
        return [pair for part in parts for pair in _expand(part, rng)]
    if kind == "{":
        values = _SLOTS[name]
        words = values[rng.randint(len(values))].split()
        return [(word, f"{'I' if position else 'B'}-{name}") for position, word in enumerate(words)]
    return [(symbol, "O")]


def generate(
    train: int = 4000, test: int = 800, seed: int = 1990
) -> tuple[list[tuple[list[str], list[str]]], list[tuple[list[str], list[str]]]]:
    """Sentences to train and to test on, each as (words, labels); all are different.

    The same arguments give the same sentences on every machine.
    """
    rng = np.random.RandomState(seed)
    sentences: dict[tuple[str, ...], list[str]] = {}
    while len(sentences) < train + test:
        words, labels = zip(*_expand("<utterance>", rng), strict=True)
        sentences.setdefault(words, list(labels))
    pairs = [(list(words), labels) for words, labels in sentences.items()]
    # In the order of their making the common ones come first: mixed, both sets are alike.
    pairs = [pairs[position] for position in rng.permutation(len(pairs))]
    return pairs[:train], pairs[train:]
