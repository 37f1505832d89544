"""Rules about chains, feeders and the terms of sharing: what the planner could not share by."""

from __future__ import annotations

from jp_firmware.config.lint import sharing
from jp_firmware.config.lint.rule import Rule, of_cabinet

GROUPS = (
    Rule(
        id="RULE-20",
        title="A chain or feeder without a name or connectors of its own",
        reason="Limits are told by the group's name, and hold for the connectors that it names.",
        fix="Give each a name of its own, and connectors that there are, each once.",
        check=of_cabinet(sharing.names, sharing.members),
    ),
    Rule(
        id="RULE-21",
        title="A connector in two chains",
        reason="A chain is what stands behind one board's wiring; a share is guaranteed to one chain only.",
        fix="Leave the connector in the chain that it is wired to.",
        check=of_cabinet(sharing.chains_apart),
    ),
    Rule(
        id="RULE-22",
        title="Groups that overlap halfway",
        reason="Power is shared fairly, and in full, only where of two groups one holds all of the other or none.",
        fix="Put all connectors of one into the other, or keep them apart.",
        check=of_cabinet(sharing.nested),
    ),
    Rule(
        id="RULE-23",
        title="A share above what the chain's wiring carries",
        reason="What is guaranteed to a chain could never flow there.",
        fix="Lower share_w, or correct cap_w.",
        check=of_cabinet(sharing.shares_and_caps),
    ),
    Rule(
        id="RULE-24",
        title="A reserve that leaves nothing to share",
        reason="The reserve is taken off the site's limit before anyone is given power: nobody could charge.",
        fix="Lower planner.reserve_w below site.limit_w.",
        check=of_cabinet(sharing.reserve),
    ),
    Rule(
        id="RULE-25",
        title="A group that may carry less than the useful minimum",
        reason="A session waits until it may have planner.min_useful_w; on this group it would wait for ever.",
        fix="Lower planner.min_useful_w, or raise the group's limit.",
        check=of_cabinet(sharing.useful_minimum),
    ),
)
