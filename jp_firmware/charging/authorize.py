"""Who may charge: the local list first, then what the central system said before, then the central system itself.

The order and the offline rules are OCPP 1.6's (§3.4, §3.5): a list entry that is not accepted refuses, whatever else.
"""

from __future__ import annotations

import attrs

from jp_firmware.charging.ports import RemoteAuthorizer
from jp_firmware.config.schema import Authorize
from jp_firmware.model.ids import ConnectorId
from jp_firmware.model.session import Authorization, AuthorizationStatus, IdToken


@attrs.define(eq=False, repr=False)
class Authorizing:
    """Fulfils the `Authorizer` port. `remote` is None for a charger without a central system."""

    rules: Authorize
    remote: RemoteAuthorizer | None = None

    async def authorize(self, token: IdToken, connector_id: ConnectorId) -> Authorization:  # noqa: ARG002
        """The verdict; waits for the central system only when the rules send the question there."""
        listed = self._listed(token)
        if listed and not listed.accepted:
            return listed
        if self.remote is None:
            return listed or self._offline_unknown()
        if not self.remote.online:
            return self._offline(listed or self.remote.cached(token))
        known = listed or self.remote.cached(token)
        if known and known.accepted and self.rules.local_pre_authorize:
            return known
        answer = await self.remote.authorize(token)
        if answer.status is AuthorizationStatus.UNREACHABLE:
            return self._offline(known)
        return answer

    def _listed(self, token: IdToken) -> Authorization | None:
        for entry in self.rules.local_list:
            if entry.uid.upper() == token.uid.upper():
                return Authorization(AuthorizationStatus(entry.status), "local list")
        return None

    def _offline(self, known: Authorization | None) -> Authorization:
        if known and not known.accepted:
            return known
        if known and self.rules.local_authorize_offline:
            return known
        return self._offline_unknown()

    def _offline_unknown(self) -> Authorization:
        if self.rules.allow_unknown_offline:
            return Authorization(AuthorizationStatus.ACCEPTED, "offline rule")
        status = AuthorizationStatus.INVALID if self.remote is None else AuthorizationStatus.UNREACHABLE
        return Authorization(status, "local list" if self.remote is None else "offline rule")
