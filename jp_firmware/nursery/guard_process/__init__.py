"""The guard's own process: says the last words on wires when the loop that it watches stands still, or is gone.

Started by `guard.Guard` as a package of its own, without the one around it and with the standard library only, so that
it is up within milliseconds and small: what is here imports what is beside it by relative names, and nothing else of
ours. It knows file descriptors and bytes, nothing of what they mean, and never opens a device.

Rules

1. A beat tells when it was sent. Late by its own clock is late, however long this process itself was kept waiting.
2. What came in is read before anything is judged; words are written before anything is told.
3. Nothing here waits for a wire, a terminal or a full pipe. A wire that fails does not keep another from its words.
4. It ends after a goodbye, or some time after the other end is gone; no signal but SIGKILL ends it before.
5. The other end gone, it lets go of a wire as soon as its words were said often enough, if somebody waits for that: a
   successor that has come to the meeting (a socket by a name they both know), or who sent SIGTERM. Else it goes on.
"""
