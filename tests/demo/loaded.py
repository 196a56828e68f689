"""The short story, loaded once for all tests of a class."""

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from django.test import TestCase, override_settings

from apps.demo.loading import load
from apps.demo.scene import Scene, find_scene
from tests.demo.conftest import SHORT_STORY


class LoadedTestCase(TestCase):
    """Each test sees the demo as it was loaded, whatever the others did with it."""

    folder: ClassVar[Path]
    scene: Scene

    @classmethod
    def setUpTestData(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        with override_settings(DATA_DIR=cls.folder):
            assert load(SHORT_STORY)

    def setUp(self) -> None:
        self.enterContext(override_settings(DATA_DIR=self.folder))
        scene = find_scene(SHORT_STORY)
        assert scene
        self.scene = scene
