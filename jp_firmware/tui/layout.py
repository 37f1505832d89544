"""Where everything stands: the style sheet of the terminal. Sizes and places only; colours come from the themes.

Made for 80 by 24 and drawn for that first. Classes `-normal` (from 100 columns), `-wide` (from 160), `-tall` (from 30
rows) and `-small` (below 60 by 20) are set on the screen by its breakpoints.
"""

from __future__ import annotations

from typing import Final

HORIZONTAL: Final = [(0, "-cramped"), (60, "-narrow"), (100, "-normal"), (160, "-wide")]
VERTICAL: Final = [(0, "-low"), (20, "-short"), (24, "-plain"), (30, "-tall")]

CSS: Final = """
Screen, ModalScreen { background: $jp-paper; color: $jp-text-fg; }
ModalScreen { background: transparent; }
Panel { height: 1fr; width: 1fr; background: $jp-paper; color: $jp-text-fg; }

#status, #banner, #hint, #keys { height: 1; }
#workspaces { height: 1fr; }
.workspace { height: 1fr; padding: 0 1; }
#too-small { display: none; height: 1fr; content-align: center middle; }
.-cramped, .-low { #too-small { display: block; }
                   #status, #banner, #workspaces, #hint, #keys, #dialog { display: none; } }

/* overview */
#site { height: 4; }
#connectors { height: auto; max-height: 42vh; }
#overview-main { height: auto; max-height: 60vh; }
#overview-side { height: 1fr; }
#backend, #health { height: 4; }
#health { margin-left: 2; }
#cards { height: 4; }
#events { min-height: 2; }
.-tall { #site, #connectors, #cards { margin-bottom: 1; } }
.-wide { #overview { layout: horizontal; }
         #overview-main { width: 2fr; height: 1fr; max-height: 100vh; }
         #overview-side { width: 1fr; margin-left: 3; } }

/* one connector */
#tabs { height: 2; }
#live { height: 4; }
#connector-cards { height: 11; layout: grid; grid-size: 2 2; grid-rows: 7 4; grid-columns: 1fr 1fr; grid-gutter: 0 2; }
#connector-foot { height: 1fr; min-height: 3; }
#history { display: none; margin-left: 2; }
.-short { #live { height: 2; } #connector-cards { height: 7; grid-size: 2 1; grid-rows: 7; }
          #vehicle, #plug { display: none; } }
.-tall { #tabs { margin-bottom: 1; } #live { height: 2fr; max-height: 14; margin-bottom: 1; }
         #connector-cards { height: 13; grid-rows: 8 5; } }
.-normal, .-wide { #history { display: block; } }
.-wide { #connector-cards { height: 8; grid-size: 4 1; grid-rows: 8; } }

/* planner */
#planner-site { height: 5; }
#shares { height: auto; max-height: 7; }
#planner-main { height: auto; max-height: 75vh; }
#planner-side { height: 1fr; }
#planner-cards { height: 5; }
#chains { width: 5fr; }
#movers { width: 3fr; margin-left: 2; }
#limits { display: none; }
.-short { #planner-site { height: 4; } #planner-cards { display: none; } }
.-tall { #planner-site, #shares, #planner-cards { margin-bottom: 1; } #shares { max-height: 33vh; }
         #planner-cards { height: 7; } #why { height: 3fr; min-height: 5; } #limits { display: block; height: 2fr; } }
.-normal { #chains { width: 1fr; } #movers { width: 1fr; } }
.-wide { #planner { layout: horizontal; } #limits { display: block; height: 1fr; } #why { height: 1fr; }
         #planner-main { width: 1fr; height: 1fr; max-height: 100vh; }
         #planner-cards { layout: vertical; height: 1fr; }
         #chains { height: 2fr; } #movers { height: 3fr; margin-left: 0; }
         #planner-side { width: 1fr; margin-left: 3; } }

/* configuration */
#config-body { height: 1fr; }
#config-tree, #config-text { height: 1fr; }
#config-card { height: 6; }
#config-state { height: 1; }
.-short { #config-card { height: 5; } }
.-tall { #config-card { height: 10; } }
.-normal, .-wide { #config-body { layout: horizontal; }
         #config-tree, #config-text { width: 2fr; }
         #config-card { width: 1fr; height: 1fr; margin-left: 2; } }

/* fault centre */
#counters { height: 1; }
#fault-lists { height: 1fr; }
#active { height: 3fr; }
#recent { height: 2fr; }
#detail { height: 8; }
.-tall { #counters { margin-bottom: 1; } #detail { height: 11; } }
.-normal, .-wide { #fault-body { layout: horizontal; }
         #fault-lists { width: 3fr; }
         #detail { width: 2fr; height: 1fr; margin-left: 2; } }
.-wide { #detail { width: 1fr; } #fault-lists { width: 1fr; } }

/* dialogs */
Dialog { align: center middle; }
#dialog { width: 64; max-width: 96%; height: auto; max-height: 100%; margin: 2 0; padding: 0 2;
          background: $jp-card; border: solid $jp-edge; border-title-color: $jp-strong-fg; border-title-style: bold; }
#dialog Panel { background: $jp-card; }
#dialog #words { height: auto; }
#dialog Input { height: 1; border: none; padding: 0 1; background: $jp-cursor-bg; color: $jp-cursor-fg;
                text-style: underline; width: 18; }
#dialog Input > .input--cursor { color: $jp-cursor-fg; background: $jp-cursor-bg; text-style: reverse; }
#dialog #prompt { height: 1; width: auto; color: $jp-text-fg; background: $jp-card; }
#dialog #line { height: 1; margin: 1 0; }
#dialog #reply { height: 1; }
MenuScreen #dialog { width: 76; height: 20; max-height: 100%; }
MenuScreen #line { margin: 0; }
MenuScreen Input { width: 28; }
MenuScreen #choices { height: 1fr; }
ReadScreen #dialog, DecideScreen #dialog { width: 78; height: 30; max-height: 100%; }
FindScreen #dialog { width: 78; height: 20; max-height: 100%; }
FindScreen #line { margin: 0; }
FindScreen #choices { height: 1fr; }
FindScreen #dialog Input { width: 1fr; }
PickScreen #dialog { width: 76; height: auto; max-height: 100%; }
PickScreen #choices { height: auto; max-height: 14; }
ValueScreen #dialog, ItemScreen #dialog, ApplyScreen #dialog { width: 76; }
TextScreen #dialog { width: 100%; max-width: 100%; height: 100%; margin: 2 0 2 0; padding: 0; }
TextScreen TextArea { height: 1fr; border: none; padding: 0; scrollbar-size: 0 0;
                      background: $jp-card; color: $jp-text-fg; }
FormScreen .field { height: 1; }
FormScreen .name { width: 22; height: 1; color: $jp-text-fg; background: $jp-card; }
FormScreen #dialog Input { width: 1fr; }
FormScreen #reply { margin-top: 1; }
"""
