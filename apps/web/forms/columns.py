"""The columns of a model's status table as curators edit them: a small form for each."""

import hashlib
from collections.abc import Sequence

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.core.errors import Invalid
from apps.core.jsontext import canonical
from apps.core.numbers import check_format
from apps.evaluations.choices import Better
from apps.registry.models import Column
from apps.registry.services.columns import MAX_COLUMNS, ColumnSpec

FORMATS = ("", "auto", "fixed:2", "fixed:3", "fixed:4", "percent:1", "percent:2", "integer")


class ColumnForm(forms.Form):
    """One column. The names of its fields carry the column's primary key."""

    position = forms.IntegerField(label=_("Position"), min_value=1, max_value=10 * MAX_COLUMNS)
    title = forms.CharField(label=_("Title"), max_length=128)
    is_visible = forms.BooleanField(label=_("Shown"), required=False)
    better = forms.ChoiceField(
        label=_("Better"),
        required=False,
        choices=[("", _("as the metric says")), *Better.choices],
    )
    format = forms.CharField(
        label=_("Format"),
        required=False,
        max_length=32,
        widget=forms.TextInput(attrs={"list": "formats", "placeholder": "auto"}),
    )

    def __init__(self, column: Column, place: int, data: QueryDict | None = None) -> None:
        initial = {
            "position": place,
            "title": column.title,
            "is_visible": column.is_visible,
            "better": column.better,
            "format": column.format,
        }
        super().__init__(data, prefix=f"c{column.pk}", initial=initial)
        self.column = column
        for name, field in self.fields.items():
            # The table's own heads are the visible labels; each field still has its full name.
            field.widget.attrs["aria-label"] = f"{field.label}: {column.title}"
            if name == "position":
                field.widget.attrs["class"] = "position"

    def clean_format(self) -> str:
        text: str = self.cleaned_data["format"].strip()
        if text:
            try:
                check_format(text)
            except Invalid as error:
                raise forms.ValidationError(error.message) from error
        return text

    def spec(self) -> ColumnSpec:
        """What the curator wants of this column. The form is valid."""
        better = self.cleaned_data["better"]
        return ColumnSpec(
            pk=self.column.pk,
            title=self.cleaned_data["title"],
            is_visible=self.cleaned_data["is_visible"],
            better=Better(better) if better else None,
            format=self.cleaned_data["format"],
        )


def column_forms(columns: Sequence[Column], data: QueryDict | None = None) -> list[ColumnForm]:
    return [ColumnForm(column, place, data) for place, column in enumerate(columns, start=1)]


def ordered_specs(forms_: Sequence[ColumnForm]) -> list[ColumnSpec]:
    """The specs by position; of two with the same, the one that was moved stands first."""
    ranked = sorted(
        forms_,
        key=lambda form: (form.cleaned_data["position"], "position" not in form.changed_data),
    )
    return [form.spec() for form in ranked]


def seen_columns(columns: Sequence[Column]) -> str:
    """What an edit starts from: changes with everything that a curator can change."""
    state = [
        [column.pk, column.title, column.is_visible, column.better, column.format]
        for column in columns
    ]
    return hashlib.sha256(canonical(state).encode()).hexdigest()[:16]


def fields_as_they_were(columns: Sequence[Column], seen: str) -> tuple[tuple[str, str], ...]:
    """The filled form that gives these columns back what they have; `seen` is what it replaces."""
    fields = [("seen", seen)]
    for form in column_forms(columns):
        for name, value in form.initial.items():
            if name == "is_visible":
                fields += [(form.add_prefix(name), "on")] if value else []
            else:
                fields.append((form.add_prefix(name), str(value)))
    return tuple(fields)
