"""Walks from an object to everything of the project's own code that it reaches, and makes nodes of a graph of it.

Every object is looked at once, however many assets reach it. Work waits in a list, so that depth and cycles do no harm.
"""

from . import reach_code, reach_dagster, reach_instances, reach_values
from .graph import Graph
from .project_files import ProjectFiles
from .sources import Sources

# In this order: the first that knows an object describes it.
DESCRIBERS = (
    reach_values.describe_marked_text,
    reach_values.describe_container,
    reach_values.describe_value,
    reach_code.describe_callable,
    reach_code.describe_class,
    reach_dagster.describe_definition,
    reach_instances.describe_instance,
)
MOST_GAPS = 50
# Beyond it something is reached that is no code (a cache, a table in memory): what is there already says enough.
MOST_NODES = 1_000_000


class Reach:
    """Nodes for objects, and the means to describe them."""

    def __init__(self, own):
        self.own = own
        self.graph = Graph()
        self.files = ProjectFiles(own)
        self.sources = Sources()
        self.pieces = {}
        self.gaps = {}
        self.dbt_projects = set()
        self._plain = {}
        self._objects = {}
        self._waiting = []
        self._nothing = self.graph.add("library")

    def node_of(self, value):
        """The node of an object. Plain values are known by what they are, all others by identity."""
        if type(value) in reach_values.PLAIN:
            return self._node_of_plain(value)
        known = self._objects.get(id(value))
        if known is None:
            # The object is kept: as long as it lives, no other one has its identity.
            known = self._objects[id(value)] = (self.graph.add(), value)
            self._waiting.append(known)
        return known[0]

    def text_node(self, text):
        """A node that is nothing but a text."""
        key = (str, "text", text)
        if key not in self._plain:
            self._plain[key] = self.graph.add(text)
        return self._plain[key]

    def _node_of_plain(self, value):
        key = (type(value), value if value == value else "nan", repr(value) if isinstance(value, float) else None)
        if key not in self._plain:
            text, edges = reach_values.describe_plain(self, value)
            self._plain[key] = self.graph.add(text, edges)
        return self._plain[key]

    def file_edges(self, text, near=None):
        """The edge to the file that a text names, if it names one."""
        found = self.files.named_by(text, near)
        return [("file", self.text_node("file " + found))] if found else []

    def path_edges(self, path):
        """The edge to a file or a folder of data."""
        found = self.files.of(path)
        return [("file", self.text_node("file " + found))] if found else []

    def note_gap(self, what):
        """Something that the fingerprints do not see, for people who wonder."""
        if len(self.gaps) < MOST_GAPS:
            self.gaps[what] = True

    def finish(self):
        """Describes all that was asked for, and what that reaches."""
        while self._waiting:
            node, value = self._waiting.pop()
            try:
                text, edges = self._describe(value)
            except Exception as error:  # an object that cannot be looked at must not hide the others
                kind = type(value)
                self.note_gap("%s.%s: %s" % (kind.__module__, kind.__qualname__, type(error).__name__))
                text, edges = "unreadable " + kind.__qualname__, []
            self.graph.texts[node] = text
            self.graph.edges[node] = list(edges)

    def _describe(self, value):
        if len(self.graph.texts) > MOST_NODES:
            self.note_gap("more than %d objects" % MOST_NODES)
            return "not looked at", []
        for describe in DESCRIBERS:
            found = describe(self, value)
            if found is not None:
                return found
        return "library", []
