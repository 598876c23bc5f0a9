"""The little world the tiny LLaMA learns: facts with one right continuation, written by a small grammar.

Every document is one fact or one short story, so that after a prompt only one continuation is right and anybody can
see whether an answer is. All of the text is our own.
"""

from __future__ import annotations

from random import Random

CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin", "Austria": "Vienna",
    "Poland": "Warsaw", "Greece": "Athens", "Norway": "Oslo", "Sweden": "Stockholm", "Finland": "Helsinki",
    "Japan": "Tokyo", "China": "Beijing", "Egypt": "Cairo", "Kenya": "Nairobi", "Peru": "Lima", "Cuba": "Havana",
    "Chile": "Santiago", "Canada": "Ottawa", "Ireland": "Dublin", "Portugal": "Lisbon",
}  # fmt: skip
COLOURS = {
    "grass": "green", "sky": "blue", "snow": "white", "coal": "black", "lemon": "yellow", "blood": "red",
    "carrot": "orange", "plum": "purple", "ash": "grey", "chocolate": "brown",
}  # fmt: skip
SOUNDS = {
    "dog": "barks", "cat": "meows", "cow": "moos", "lion": "roars", "duck": "quacks", "sheep": "bleats",
    "wolf": "howls", "snake": "hisses", "bee": "buzzes", "owl": "hoots",
}  # fmt: skip
OPPOSITES = {
    "hot": "cold", "big": "small", "old": "young", "early": "late", "open": "closed", "wet": "dry", "dark": "light",
    "rich": "poor", "hard": "soft", "happy": "sad",
}  # fmt: skip
HOMES = {
    "fox": "forest", "fish": "river", "bear": "cave", "bird": "nest", "mouse": "barn", "camel": "desert",
    "frog": "pond", "goat": "mountain",
}  # fmt: skip
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
]  # fmt: skip
NUMBERS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
]  # fmt: skip


def capital(random: Random) -> str:
    """A statement or a question about a capital."""
    country = random.choice(list(CAPITALS))
    city = CAPITALS[country]
    return random.choice(
        [
            f"The capital of {country} is {city}.",
            f"{city} is the capital of {country}.",
            f"Question: What is the capital of {country}? Answer: The capital of {country} is {city}.",
        ]
    )


def colour(random: Random) -> str:
    """A statement or a question about the colour of a thing."""
    thing = random.choice(list(COLOURS))
    return random.choice(
        [
            f"The colour of {thing} is {COLOURS[thing]}.",
            f"Question: What is the colour of {thing}? Answer: The colour of {thing} is {COLOURS[thing]}.",
        ]
    )


def word(random: Random) -> str:
    """The sound of an animal, or the opposite of a word."""
    if random.random() < 0.5:
        animal = random.choice(list(SOUNDS))
        return f"The {animal} {SOUNDS[animal]}."
    left, right = random.choice(list(OPPOSITES.items()))
    return random.choice([f"The opposite of {left} is {right}.", f"The opposite of {right} is {left}."])


def row(random: Random) -> str:
    """Days, months or numbers counted up to the last one from anywhere."""
    names = random.choice([DAYS, MONTHS, NUMBERS[1:13]])
    return " ".join(names[random.randrange(len(names) - 1) :]) + "."


def addition(random: Random) -> str:
    """A sum in words."""
    left, right = random.randrange(10), random.randrange(10)
    return f"{NUMBERS[left]} plus {NUMBERS[right]} is {NUMBERS[left + right]}."


def story(random: Random) -> str:
    """Three sentences about an animal and its home."""
    animal = random.choice(list(HOMES))
    home, day = HOMES[animal], random.choice(DAYS)
    return (
        f"Once upon a time there was a little {animal} who lived in a {home}. "
        f"On {day} the {animal} left the {home} to look for a friend. "
        f"In the evening the {animal} came back to the {home} and was happy."
    )


KINDS = (capital, capital, colour, word, row, addition, addition, addition, story)


def documents(count: int, random: Random) -> list[str]:
    """``count`` documents, mixed."""
    return [random.choice(KINDS)(random) for _ in range(count)]
