"""Names for runs whose author gave none: an adjective, a noun, and the run's number."""

import secrets

ADJECTIVES = """
    amber ancient autumn azure bold brave bright brisk calm candid cheerful clear clever cosmic
    crimson crisp curious daring dapper deep eager earnest easy electric elegant emerald fancy fast
    fearless fine firm fluent fresh gentle giddy gilded glad glowing golden graceful grand happy
    hearty helpful honest humble icy jolly keen kind lively logical lucky lunar merry mild misty
    modest neat noble olive patient peachy pleasant polished proud quick quiet radiant rapid rosy
    royal ruby sage serene sharp shiny silent silver smart smooth snowy soft solar spring stellar
    still sunny swift tidy vivid volcanic warm wild winter wise witty young zesty
""".split()  # noqa: SIM905
NOUNS = """
    acorn alder anchor arch aspen aurora badger bamboo basin beacon birch bloom breeze brook canyon
    cedar cliff cloud clover comet coral cosmos cove crane creek dawn delta dew dragon dune eagle
    echo elm ember falcon fern field finch firefly fjord flame flower forest fox galaxy garden
    glacier glade grove harbor haze hill horizon island jungle lagoon lake lantern leaf lion lotus
    maple meadow meteor mist moon moss mountain oak oasis ocean orchard otter owl pebble pine planet
    plateau pond prairie puddle rain reef ridge river robin sea shadow sky snow sparrow spruce star
    stone storm stream summit sun surf thunder tide valley violet water wave willow wind wood
""".split()  # noqa: SIM905


def invented_name(number: int) -> str:
    """Such as `swift-otter-12`; the number tells it from others of these words."""
    return f"{secrets.choice(ADJECTIVES)}-{secrets.choice(NOUNS)}-{number}"
