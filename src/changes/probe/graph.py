"""A graph of what is reached from where, and fingerprints of its nodes in one pass over it, cycles included."""

import hashlib


def digest(*parts):
    """A fingerprint of texts, in their order."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hashed.update(b"%d:" % len(data))
        hashed.update(data)
    return hashed.hexdigest()[:32]


class Graph:
    """Nodes are numbers. Each has a text and named edges; the order in which edges were added makes no difference."""

    def __init__(self):
        self.texts = []
        self.edges = []
        self._fingerprints = None

    def add(self, text="", edges=()):
        self.texts.append(text)
        self.edges.append(list(edges))
        return len(self.texts) - 1

    def fingerprint(self, node):
        """The fingerprint of everything that a node reaches. Nodes must not be added after the first call."""
        if self._fingerprints is None:
            self._fingerprints = [""] * len(self.texts)
            for group in self._groups():
                self._fold(group)
        return self._fingerprints[node]

    def _fold(self, group):
        """Nodes that reach each other share what the cycle holds; what leads out of it has its fingerprint already."""
        inside = set(group)
        own = {
            node: digest(
                self.texts[node],
                *sorted(
                    name + "\0" + ("" if target in inside else self._fingerprints[target])
                    for name, target in self.edges[node]
                ),
            )
            for node in group
        }
        shared = digest(*sorted(own.values())) if len(group) > 1 else ""
        for node in group:
            self._fingerprints[node] = digest(own[node], shared)

    def _groups(self):
        """Strongly connected components, the reached before what reaches them (Tarjan's algorithm, without recursion)."""
        index, low, on_stack, stack = {}, {}, set(), []
        for root in range(len(self.texts)):
            if root in index:
                continue
            work = [(root, iter(self.edges[root]))]
            index[root] = low[root] = len(index)
            stack.append(root)
            on_stack.add(root)
            while work:
                node, edges = work[-1]
                for _, target in edges:
                    if target not in index:
                        index[target] = low[target] = len(index)
                        stack.append(target)
                        on_stack.add(target)
                        work.append((target, iter(self.edges[target])))
                        break
                    if target in on_stack:
                        low[node] = min(low[node], index[target])
                else:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[node])
                    if low[node] == index[node]:
                        group = []
                        while True:
                            member = stack.pop()
                            on_stack.discard(member)
                            group.append(member)
                            if member == node:
                                break
                        yield group
