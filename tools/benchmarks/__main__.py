"""One database's part of `make bench`; tools/bench.py starts it with Django's settings."""

import argparse
import time

import django


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--versions", nargs="+", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--batches", type=int, required=True)
    parser.add_argument("--watch", type=int, required=True)
    options = parser.parse_args()
    django.setup()

    from django.conf import settings
    from django.core.management import call_command

    from tools.benchmarks import pages, points, site, watching, world

    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    for size in options.versions:
        start = time.perf_counter()
        made = world.make_world(size)
        print(
            f"{size:>7,} versions with {world.COLUMNS} columns made in "
            f"{time.perf_counter() - start:.0f} s",
            flush=True,
        )
        pages.measure(made, options.rounds)
        site.measure(made, options.rounds)
    points.measure(f"bench-{options.versions[0]}", options.batches, options.rounds)
    watching.measure(f"bench-{options.versions[0]}", options.watch)


if __name__ == "__main__":
    main()
