"""What of a person's name stays the same when it is written otherwise: short first names, keys to find people by.

The short names are those common in English, German, Dutch, French, Italian, Spanish and Polish; comparing is elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from syncd.matching.alike import likeness
from syncd.matching.party import Form
from syncd.matching.text import skeleton

# A full first name -> what people are called who have it. A short name of several full ones stands with each.
_SHORT = {
    "aleksandra": "ola alex sasha", "alexander": "alex al sandy sascha alec", "alexandra": "alex sandra sandy lexi",
    "alan": "al", "albert": "al bert", "alfred": "al fred fredo", "alejandro": "alex ale", "andreas": "andi andy",
    "andrew": "andy drew", "anna": "annie ann anja", "anneliese": "anne liese", "anthony": "tony",
    "antonio": "tony toni", "barbara": "barb barbie babs", "benjamin": "ben benny benji", "bernard": "bernie",
    "bernhard": "bernd", "bradley": "brad", "calvin": "cal", "cameron": "cam", "carolyn": "carol",
    "catherine": "cathy cate kate cat", "charles": "charlie chuck chas", "charlotte": "lotte charlie",
    "christian": "chris", "christina": "chris tina chrissy christi", "christine": "chris tina chrissy",
    "christopher": "chris topher kit", "clifford": "cliff", "cynthia": "cindy", "daniel": "dan danny",
    "danielle": "dani", "david": "dave davy", "deborah": "deb debbie debra", "dennis": "denny", "dominic": "dom nick",
    "donald": "don donnie", "dorothy": "dot dottie dolly", "douglas": "doug", "edward": "ed eddie ted ned",
    "edwin": "ed", "eduardo": "edu lalo", "eleanor": "nell ellie nora", "elisabeth": "lisa elli sissi",
    "elizabeth": "liz beth betty lizzie eliza betsy libby", "eugene": "gene", "ferdinand": "fred",
    "florian": "flo", "frances": "fran frannie", "francesco": "franco", "francis": "frank fran",
    "francisco": "paco pancho", "franklin": "frank", "franz": "frank", "frederick": "fred freddie rick",
    "friedrich": "fritz fred", "gabriel": "gabe", "gerald": "jerry gerry", "gerard": "gerry", "gerhard": "gerd",
    "gertrude": "trudy", "giovanni": "gianni", "giuseppe": "beppe pino", "gregory": "greg", "harold": "harry hal",
    "heinrich": "heiner heinz", "helen": "nell", "henry": "hank harry", "hendrik": "henk", "herbert": "herb bert",
    "howard": "howie", "isabella": "bella izzy isa", "jacob": "jake", "jackson": "jack", "jacqueline": "jackie",
    "james": "jim jimmy jamie", "janet": "jan", "jeffrey": "jeff", "jennifer": "jen jenny", "jessica": "jess jessie",
    "joachim": "jochen", "johann": "hans", "johannes": "hans jo", "john": "jack johnny jon", "jonathan": "jon johnny",
    "jose": "pepe", "joseph": "joe joey jo", "josephine": "jo josie", "joshua": "josh", "judith": "judy",
    "juergen": "jurgen", "julia": "julie", "katarzyna": "kasia", "katharina": "kathi kati", "katherine": "kathy kate "
    "katie kat kit", "kathleen": "kathy kate katie", "kathryn": "kathy kate katie", "kenneth": "ken kenny",
    "kimberly": "kim", "kristina": "kris tina", "lawrence": "larry", "leonard": "len lenny leo", "leonardo": "leo",
    "louis": "lou louie", "louise": "lou", "lucas": "luke", "lucille": "lucy", "lukas": "luk", "malgorzata": "gosia",
    "manuel": "manny manolo", "marcus": "marc mark", "margaret": "maggie peggy meg marge margie greta",
    "margarete": "grete greta", "martin": "marty", "martha": "marty", "mathew": "matt", "matthew": "matt",
    "matthias": "matze", "maximilian": "max", "maxwell": "max", "melissa": "missy", "michael": "mike mick mickey "
    "micky michi", "michelle": "shelly", "mitchell": "mitch", "mohammed": "mo", "nancy": "nan", "natalie": "nat",
    "nathan": "nate nat", "nathaniel": "nate nat", "nicholas": "nick nicky", "nicolas": "nico nick", "nikolaus":
    "klaus nick", "norman": "norm", "oliver": "ollie oli", "pamela": "pam", "patricia": "pat patty trish tricia",
    "patrick": "pat paddy", "peter": "pete", "philip": "phil", "phillip": "phil", "philipp": "phil",
    "rachel": "rae", "randall": "randy", "randolph": "randy", "raymond": "ray", "rebecca": "becky becca",
    "reginald": "reg reggie", "ricardo": "rico", "richard": "rick dick rich ricky richie", "robert": "bob rob bobby "
    "robbie bert", "roberto": "beto rob", "roderick": "rod", "rodney": "rod", "roger": "rog", "ronald": "ron ronnie",
    "rosemary": "rose rosie", "rudolf": "rudi", "russell": "russ", "samantha": "sam", "samuel": "sam sammy",
    "sandra": "sandy", "sebastian": "basti seb", "solomon": "sol", "stanley": "stan", "stanislaw": "stan staszek",
    "stefan": "steve", "stephanie": "steph steffi", "stephen": "steve", "steven": "steve", "stuart": "stu",
    "susan": "sue susie", "suzanne": "sue suzy", "terence": "terry", "teresa": "terry tess", "theodore": "ted theo",
    "theresa": "terry tess", "thomas": "tom tommy", "timothy": "tim", "tobias": "tobi", "ulrich": "uli",
    "valerie": "val", "veronica": "ronnie", "victor": "vic", "victoria": "vicky tori", "vincent": "vince vinny",
    "vincenzo": "enzo", "virginia": "ginny", "vladimir": "vova", "walter": "walt", "wilhelm": "willi willy",
    "william": "bill will billy willy liam", "wolfgang": "wolf", "zachary": "zach zack",
}  # fmt: skip
_FULL: dict[str, list[str]] = {}
for _full, _shorts in _SHORT.items():
    for _one in _shorts.split():
        _FULL.setdefault(_one, []).append(_full)


class Named(Enum):
    """How like the names of two people are."""

    OTHER = "other"
    CLOSE = "close"  # as the names of brothers, or one name with a slip
    SAME = "same"


def may_be_one(left: str, right: str) -> bool:
    """Whether two first names that are written otherwise may be one: short for it, or both short for the same."""
    return not {left, *_FULL.get(left, ())}.isdisjoint((right, *_FULL.get(right, ())))


def named(left: Form, right: Form) -> Named:
    """Compare the names of two people: the last names must agree and the first ones be alike, or the other way round.

    A name that is missing agrees with none.
    """
    if left.generation and right.generation and left.generation != right.generation:
        return Named.OTHER
    if left.first and left.first == right.last and left.last == right.first:
        return Named.SAME
    first, last = _first_names(left.first, right.first), _last_names(left.last, right.last)
    if Named.OTHER in (first, last):
        return Named.OTHER
    if first is last:
        return first if first is Named.SAME else Named.OTHER
    return Named.CLOSE


def person_keys(form: Form) -> list[str]:
    """Return the keys under which a person is found by somebody of the same name: few, for there are many people.

    Each joins the beginnings of both names with one thing they share with few others, so that neither the hundreds of
    one company nor all who are called alike stand under one key. Of an address two parts must agree to look further.
    """
    if not form.first or not form.last:
        return []
    called = next((one for one in form.first if one not in _TITLES), form.first[0])
    full = _FULL.get(called, [called])[0]
    first, last = skeleton(full), skeleton("".join(form.last))
    initial = full[0].translate(_ONE_SOUND)
    keys = [f"p:{form.phone} {initial}{last[:2]}"] if form.phone else []
    if form.words:
        keys.append(f"k:{skeleton(form.words[0])[:8]} {initial}{last[:5]}")
    place = form.place
    both = " ".join(sorted((first[:2], last[:2])))  # imports mix first and last up
    street = (place.naming or place.street)[:1]
    keys += [f"s:{skeleton(word)[:4]} {both}" for word in street]
    keys += [f"m:{number} {both}" for number in place.numbers[:1]]
    if place.postcode:
        keys.append(f"c:{place.postcode} {both}")
    return keys


# ---------------------------------------------------------------------------------------------------------------------


def _last_names(left: Sequence[str], right: Sequence[str]) -> Named:
    if not left or not right:
        return Named.OTHER
    if set(left) <= set(right) or set(right) <= set(left):
        return Named.SAME
    one, other = "".join(left), "".join(right)
    if skeleton(one) == skeleton(other):
        return Named.SAME
    return Named.CLOSE if _is_slip(one, other) else Named.OTHER


def _first_names(left: Sequence[str], right: Sequence[str]) -> Named:
    if not left or not right:
        return Named.OTHER
    if set(left) <= set(right) or set(right) <= set(left) or may_be_one(left[0], right[0]):
        return Named.SAME
    short, long = sorted((left[0], right[0]), key=len)
    initial = len(short) == 1 and any(one.startswith(short) for one in (long, *_FULL.get(long, ())))
    return Named.CLOSE if initial or _is_slip(short, long) else Named.OTHER


def _is_slip(left: str, right: str) -> bool:
    """Whether two names may be one with a slip. A number tells apart those whom nothing else does."""
    return left.isalpha() and right.isalpha() and likeness(min(left, right), max(left, right)) >= _SLIP


_TITLES = frozenset({"dr", "prof", "mr", "mrs", "ms", "herr", "frau", "ing"})
_ONE_SOUND = str.maketrans("cqwyjz", "kkviis")
_SLIP = 0.55  # one slip in four letters
