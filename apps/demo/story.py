"""What the demo tells: the data, the candidates in their order, and the run that went wrong.

Everything here is a setting that somebody chooses before training. No result stands here: losses,
accuracies, who gets promoted and what the reasons say all come from training these settings.
"""

from dataclasses import dataclass
from datetime import timedelta

from apps.accounts.choices import Role
from apps.demo.augmentation import Augmentation
from apps.demo.golden import GoldenPlan
from apps.demo.network import Settings

TEAM = "main"
PROJECT = "model_registry_example"
PROJECT_TITLE = "Model registry example"
COLLECTION = "mnist_model_candidates"
COLLECTION_TITLE = "MNIST Model Status"
REGISTRY_MODEL = "MNIST"
GROUP = "mnist candidates"


@dataclass(frozen=True)
class Person:
    """A demo user. Nobody can sign in as one: they have no password and no key."""

    username: str
    display_name: str
    role: Role


ENGINEER = Person("ml-engineer", "an ML engineer", Role.EDITOR)
CURATOR = Person("curator", "a curator", Role.CURATOR)
SECOND_CURATOR = Person("second-curator", "a second curator", Role.CURATOR)
STAKEHOLDER = Person("stakeholder", "a stakeholder", Role.VIEWER)
PEOPLE = (ENGINEER, CURATOR, SECOND_CURATOR, STAKEHOLDER)


@dataclass(frozen=True)
class Candidate:
    """One training run that makes a version.

    `evaluations` are the evaluation runs that follow it, each with the titles of its golden sets.
    Some candidates are evaluated on one set only, or on the other one a day later, as happens.
    """

    name: str
    question: str
    settings: Settings
    evaluations: tuple[tuple[str, ...], ...] = (("10k", "1k"),)


@dataclass(frozen=True)
class Story:
    """All that `load_demo` needs to know. Tests tell a shorter one."""

    candidates: tuple[Candidate, ...]
    # A run that dies half-way: its schedule is shorter than its training. It starts after so many
    # candidates.
    crashing: Candidate
    crashes_after: int
    live: Candidate
    golden_plans: tuple[GoldenPlan, ...]
    span: timedelta = timedelta(weeks=8)
    split_seed: int = 20
    validation: int = 297
    held_out: int = 500
    # A version in production goes to the registry model from this accuracy on.
    registry_accuracy: float = 0.9

    @property
    def rhythm(self) -> timedelta:
        """The time from one candidate to the next."""
        return self.span / len(self.candidates)


MILD = Augmentation(degrees=5, pixels=0.4, contrast=0.1, noise=0.5)
FIRM = Augmentation(degrees=12, pixels=0.8, scale=0.1, contrast=0.2, noise=1.0)
STRONG = Augmentation(degrees=20, pixels=1.2, scale=0.15, contrast=0.3, noise=1.5)

GOLDEN_10K = GoldenPlan(
    name="mnist_golden_10k",
    title="10k",
    copies=19,
    augmentation=Augmentation(degrees=10, pixels=0.6, scale=0.1, contrast=0.2, noise=1.0),
    seed=10_000,
)
GOLDEN_1K = GoldenPlan(
    name="mnist_golden_1k",
    title="1k",
    copies=1,
    augmentation=MILD,
    seed=1_000,
)

ONLY_10K = (("10k",),)
FIRST_1K = (("1k",), ("10k",))

CANDIDATES = (
    Candidate(
        "logistic-100-images",
        "How far does logistic regression get with 100 images?",
        Settings(training_examples=100, learning_rate=0.05, epochs=20, seed=101),
    ),
    Candidate(
        "logistic-all-images",
        "The same with all training images.",
        Settings(learning_rate=0.05, epochs=25, seed=102),
    ),
    Candidate(
        "logistic-penalty",
        "Does a penalty on large weights help?",
        Settings(learning_rate=0.05, l2=0.01, epochs=25, seed=103),
    ),
    Candidate(
        "network-16",
        "A first network, small.",
        Settings(hidden=(16,), learning_rate=0.1, epochs=30, seed=104),
        FIRST_1K,
    ),
    Candidate(
        "network-32-low-rate",
        "A smaller learning rate, for smoother curves.",
        Settings(hidden=(32,), learning_rate=0.002, epochs=25, seed=105),
    ),
    Candidate(
        "network-32-high-rate",
        "A larger learning rate, to be done sooner.",
        Settings(hidden=(32,), learning_rate=20.0, l2=0.1, epochs=25, seed=106),
    ),
    Candidate(
        "network-64",
        "More units.",
        Settings(hidden=(64,), learning_rate=0.1, epochs=30, seed=107),
    ),
    Candidate(
        "network-64-penalty",
        "More units, held back by a penalty.",
        Settings(hidden=(64,), learning_rate=0.1, l2=0.003, epochs=40, seed=108),
    ),
    Candidate(
        "network-64-strong-penalty",
        "And by a stronger one.",
        Settings(hidden=(64,), learning_rate=0.1, l2=0.02, epochs=40, seed=109),
        ONLY_10K,
    ),
    Candidate(
        "network-32-mild-augmentation",
        "Training images slightly turned and shifted in every epoch.",
        Settings(hidden=(32,), learning_rate=0.1, epochs=40, augmentation=MILD, seed=110),
    ),
    Candidate(
        "network-64-mild-augmentation",
        "The same with more units.",
        Settings(hidden=(64,), learning_rate=0.1, epochs=40, augmentation=MILD, seed=111),
    ),
    Candidate(
        "network-64-300-images",
        "Does augmentation make up for fewer images?",
        Settings(
            hidden=(64,),
            learning_rate=0.1,
            epochs=40,
            training_examples=300,
            augmentation=FIRM,
            seed=112,
        ),
    ),
    Candidate(
        "network-64-firm-augmentation",
        "Turned and shifted farther, of other sizes and contrasts, with noise.",
        Settings(hidden=(64,), learning_rate=0.1, epochs=40, augmentation=FIRM, seed=113),
    ),
    Candidate(
        "network-64-strong-augmentation",
        "Is more always better?",
        Settings(hidden=(64,), learning_rate=0.1, epochs=40, augmentation=STRONG, seed=114),
    ),
    Candidate(
        "network-128-plain",
        "A wide network without augmentation, for comparison.",
        Settings(hidden=(128,), learning_rate=0.1, epochs=40, seed=115),
        ONLY_10K,
    ),
    Candidate(
        "network-128-firm-augmentation",
        "A wide network with it.",
        Settings(hidden=(128,), learning_rate=0.1, epochs=50, augmentation=FIRM, seed=116),
    ),
    Candidate(
        "network-128-small-batches",
        "Eight images a step instead of 32.",
        Settings(
            hidden=(128,),
            learning_rate=0.05,
            batch_size=8,
            epochs=25,
            augmentation=FIRM,
            seed=117,
        ),
        ONLY_10K,
    ),
    Candidate(
        "network-128-64",
        "A second hidden layer.",
        Settings(hidden=(128, 64), learning_rate=0.05, epochs=50, augmentation=FIRM, seed=118),
    ),
    Candidate(
        "network-256-128",
        "Two wide layers.",
        Settings(
            hidden=(256, 128),
            learning_rate=0.1,
            batch_size=64,
            epochs=60,
            augmentation=FIRM,
            seed=121,
        ),
    ),
    Candidate(
        "network-256-128-strong",
        "The same with the strongest augmentation.",
        Settings(
            hidden=(256, 128),
            learning_rate=0.1,
            batch_size=64,
            epochs=60,
            augmentation=STRONG,
            seed=120,
        ),
        ONLY_10K,
    ),
    Candidate(
        "network-256-128-again",
        "The settings of network-256-128 with another seed: how much is luck?",
        Settings(
            hidden=(256, 128),
            learning_rate=0.1,
            batch_size=64,
            epochs=60,
            augmentation=FIRM,
            seed=119,
        ),
    ),
)

CRASHING = Candidate(
    "network-64-own-schedule",
    "A learning rate for each epoch, written by hand.",
    Settings(
        hidden=(64,),
        schedule=(0.1,) * 10 + (0.03,) * 8,
        epochs=40,
        augmentation=FIRM,
        seed=201,
    ),
)

LIVE = Candidate(
    "network-128-live",
    "Goes on while the server runs, an epoch every two seconds.",
    Settings(
        hidden=(128,),
        learning_rate=0.01,
        batch_size=64,
        epochs=20_000,
        augmentation=STRONG,
        seed=301,
    ),
)

STORY = Story(
    candidates=CANDIDATES,
    crashing=CRASHING,
    crashes_after=13,
    live=LIVE,
    golden_plans=(GOLDEN_10K, GOLDEN_1K),
)
