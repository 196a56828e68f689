"""Markdown as people type it: a card, or the notes of a model, a run or a project."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class MarkdownField(forms.CharField):
    """Text as typed, with the line ends that every other door uses."""

    def __init__(self, **options: Any) -> None:
        area = forms.Textarea(attrs={"rows": 18, "class": "editor"})
        super().__init__(strip=False, required=False, widget=area, **options)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return text.replace("\r\n", "\n") if isinstance(text, str) else text


class NotesForm(forms.Form):
    """A text, for some things with a title above it."""

    field_order = ("title", "text")

    def __init__(
        self, *args: Any, has_title: bool = False, max_length: int = 20_000, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if has_title:
            self.fields["title"] = forms.CharField(
                label=_("Title"),
                required=False,
                max_length=256,
                help_text=_("Shown instead of the name; addresses and clients keep the name."),
            )
        self.fields["text"] = MarkdownField(
            label=_("Text"),
            max_length=max_length,
            help_text=_(
                "Markdown: # heading, **bold**, - list, | table |, [link](address). "
                "Images of this site are shown, others become links."
            ),
        )
        self.order_fields(self.field_order)
