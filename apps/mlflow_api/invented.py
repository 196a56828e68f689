"""Names for runs to which nobody gave one: `steady-otter-417`."""

import secrets
from typing import Final

_ADJECTIVES: Final = """
able amber apt bold brave bright brisk calm clear clever crisp curious deft eager early fair fleet
fond frank fresh gentle glad golden grand hardy honest keen kind light lively loyal lucid mellow
merry mild neat nimble noble open patient plain polite proud quick quiet rapid ready rich rosy sharp
silent simple smart smooth solid spry steady still sunny swift tidy true upbeat vivid warm wise
witty young zesty
""".split()  # noqa: SIM905
_NOUNS: Final = """
ant bear bee bison cat crane crow deer dove duck eagle eel elk falcon finch fish fox frog gnu goat
goose gull hare hawk hen heron horse ibis jay kite koala lamb lark lion lynx mole moose moth mouse
mule newt otter owl ox panda perch pike pony puma quail ram raven ray robin seal shad shark shrew
skunk snail snipe sow squid stag stoat stork swan tern toad trout vole wasp whale wolf wren yak
""".split()  # noqa: SIM905


def invent_name() -> str:
    """A name that is easy to say; nothing depends on its being the only one."""
    words = secrets.choice(_ADJECTIVES), secrets.choice(_NOUNS)
    return f"{words[0]}-{words[1]}-{secrets.randbelow(1000)}"
