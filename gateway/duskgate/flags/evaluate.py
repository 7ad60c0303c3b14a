"""Evaluating flags whose rules are in this process: at once, and not again for the same caller."""

from __future__ import annotations

from openfeature.evaluation_context import EvaluationContext

from duskgate.flags.client import Answer, Attributes, Client, OnTold
from duskgate.flags.flagset import FlagSet
from duskgate.flags.provider import FileProvider
from duskgate.policy.identify import Who

MOST_REMEMBERED = 10_000
"""Answers kept, so that a rule is not gone through for every request of the same caller."""

LONGEST = 256
"""Characters of the longest name of a caller that is kept."""


def ignore(flag: str, variant: str) -> None:
    """An ``OnTold`` for those who do not count."""


class FileFlags:
    """Evaluates whichever flag set was taken over last.

    What depends on the caller alone is remembered until the next set.
    """

    def __init__(self, flags: FlagSet) -> None:
        self._provider = FileProvider(flags.core)
        self._client = Client()
        self._client.bind(self._provider)
        self.take_over(flags)

    def take_over(self, flags: FlagSet) -> None:
        """Evaluate this set from now on."""
        self._provider.core = flags.core
        self._personal = flags.personal
        self._remembered: dict[tuple[str, Who], Answer] = {}

    def evaluate(
        self, names: tuple[str, ...], who: Who, attributes: Attributes, told: OnTold = ignore
    ) -> dict[str, bool]:
        """Each flag's value for a caller. One that cannot be evaluated is off, and told as an error."""
        context = None
        values = {}
        for name in names:
            answer = self._remembered.get((name, who))
            if answer is None:
                if context is None:
                    context = EvaluationContext(who.targeting_key, attributes())
                answer = self._client.ask(name, context)
                if name in self._personal:
                    self._remember(name, who, answer)
            told(name, answer.variant)
            values[name] = answer.value
        return values

    def _remember(self, name: str, who: Who, answer: Answer) -> None:
        if len(who.targeting_key or "") > LONGEST:
            return
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[name, who] = answer
