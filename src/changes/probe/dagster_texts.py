"""Texts for values of Dagster's that are the same exactly where Dagster takes the values for equal."""

from .graph import digest

LONGEST = 400


class DagsterTexts:
    """Values that many assets share are turned into a text once."""

    def __init__(self, own):
        self._own = own
        self._known = {}

    def _once(self, kind, value, make):
        key = (kind, id(value))
        if key not in self._known:
            self._known[key] = (short(self._own.portable(make(value))), value)
        return self._known[key][0]

    def portable(self, text):
        return self._own.portable(text) if isinstance(text, str) else text

    def partitions(self, definition):
        """For people and for comparison; None for an asset without partitions."""
        if definition is None:
            return None
        return {
            "text": self._once("text", definition, str)[:LONGEST],
            "value": self._once("partitions", definition, partitions_text),
        }

    def mapping(self, mapping):
        return None if mapping is None else self._once("mapping", mapping, serialized)

    def condition(self, condition):
        return None if condition is None else self._once("condition", condition, serialized)

    def metadata(self, metadata):
        """As Dagster hands metadata to its webserver: what it cannot hand over is a class's name."""
        from dagster._core.definitions.metadata import normalize_metadata

        normal = normalize_metadata(metadata, allow_invalid=True)
        return {str(key): short(self._own.portable(serialized(value))) for key, value in normal.items()}


def partitions_text(definition):
    """As the webserver gets it, which has more in it than the definition's own text (exclusions, an end)."""
    try:
        from dagster._core.definitions.partitions.snap import PartitionsSnap
    except ImportError:
        from dagster._core.remote_representation.external_data import PartitionsSnap
    try:
        return serialized(PartitionsSnap.from_def(definition))
    except Exception:  # a class of the project's own
        return "%s %s" % (type(definition).__qualname__, definition.get_serializable_unique_identifier())


def serialized(value):
    from dagster._serdes import serialize_value

    try:
        return serialize_value(value)
    except Exception:  # a class of the project's own, which Dagster does not hand over either
        return "%s %s" % (type(value).__qualname__, getattr(value, "description", None) or "")


def short(text):
    return text if len(text) <= LONGEST else text[:LONGEST] + "… " + digest(text)
