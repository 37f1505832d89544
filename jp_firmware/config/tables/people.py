"""Whom the charger asks: the central system, what is agreed with it, and who may charge."""

from typing import Annotated

import attrs

from jp_firmware.config.key import Key, Reload, Role, declared

RECONNECT = Reload.RECONNECT
OPERATOR = Role.OPERATOR

MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Voltage",
    "Current.Import",
    "SoC",
    "Power.Offered",
)
"""What the central system can be told of a session, in the words of OCPP 1.6."""


@attrs.frozen(kw_only=True, field_transformer=declared)
class Backend:
    """The central system. An empty URL means that there is none."""

    url: Annotated[
        str,
        Key("Where the central system is, ws:// or wss://, without the identity; empty: none.", reload=RECONNECT),
    ] = ""
    password: Annotated[
        str,
        Key(
            "What the charger proves its identity with (HTTP Basic, OCPP security profiles 1 and 2).",
            reload=RECONNECT,
            secret=True,
            per_device=True,
        ),
    ] = ""
    connect_timeout_s: Annotated[
        float, Key("How long one attempt to connect may take.", unit="s", between=(1, 120), reload=RECONNECT)
    ] = 15.0
    call_timeout_s: Annotated[
        float,
        Key("How long the central system may take to answer a message.", unit="s", between=(1, 300), reload=RECONNECT),
    ] = 30.0
    ping_interval_s: Annotated[
        float,
        Key(
            "Between two pings of an idle connection, which keep it alive in routers on the way; 0: none. "
            "OCPP: WebSocketPingInterval.",
            unit="s",
            between=(0, 3600),
        ),
    ] = 20.0
    retry_first_s: Annotated[
        float,
        Key("From a failed attempt to the next, at first.", unit="s", between=(0.1, 600), reload=RECONNECT),
    ] = 2.0
    retry_cap_s: Annotated[
        float,
        Key("From a failed attempt to the next, at most.", unit="s", between=(0.1, 3600), reload=RECONNECT),
    ] = 120.0


@attrs.frozen(kw_only=True, field_transformer=declared)
class Ocpp:
    """What is agreed with the central system. It may change these keys itself; each is told under its name in OCPP."""

    heartbeat_interval_s: Annotated[
        int,
        Key(
            "After so long a silence the charger says that it is there. What the central system tells when it accepts "
            "the charger counts instead, until this key changes. OCPP: HeartbeatInterval.",
            unit="s",
            between=(1, 86_400),
        ),
    ] = 300
    meter_value_sample_interval_s: Annotated[
        int,
        Key(
            "Between two meter values of a session, counted from its start; 0: none. OCPP: MeterValueSampleInterval.",
            unit="s",
            between=(0, 86_400),
        ),
    ] = 60
    meter_values_sampled_data: Annotated[
        tuple[str, ...],
        Key("What these meter values tell. OCPP: MeterValuesSampledData.", one_of=MEASURANDS),
    ] = MEASURANDS[:5]
    clock_aligned_data_interval_s: Annotated[
        int,
        Key(
            "Between two meter values of all connectors at the beat of the clock, counted from midnight UTC; 0: none. "
            "OCPP: ClockAlignedDataInterval.",
            unit="s",
            between=(0, 86_400),
        ),
    ] = 0
    meter_values_aligned_data: Annotated[
        tuple[str, ...],
        Key("What these meter values tell. OCPP: MeterValuesAlignedData.", one_of=MEASURANDS),
    ] = MEASURANDS[:5]
    minimum_status_duration_s: Annotated[
        int,
        Key(
            "How long a connector's status must last to be told; 0: all are told. OCPP: MinimumStatusDuration.",
            unit="s",
            between=(0, 3600),
        ),
    ] = 0
    authorization_cache_enabled: Annotated[
        bool,
        Key(
            "What the central system said of a tag is remembered, for while it is away. "
            "OCPP: AuthorizationCacheEnabled."
        ),
    ] = True
    authorize_remote_tx_requests: Annotated[
        bool,
        Key("Tags that the central system starts with are checked as at a reader. OCPP: AuthorizeRemoteTxRequests."),
    ] = False
    transaction_message_attempts: Annotated[
        int,
        Key(
            "How often a message about a transaction is sent that the central system refuses. "
            "OCPP: TransactionMessageAttempts.",
            between=(0, 100),
        ),
    ] = 3
    transaction_message_retry_interval_s: Annotated[
        int,
        Key(
            "Between two attempts, times the attempts so far. OCPP: TransactionMessageRetryInterval.",
            unit="s",
            between=(0, 86_400),
        ),
    ] = 60


@attrs.frozen(kw_only=True, field_transformer=declared)
class LocalTag:
    """One entry of the local authorization list."""

    uid: Annotated[str, Key("The tag's identifier, as the reader tells it: 1 to 20 characters.", role=OPERATOR)]
    name: Annotated[str, Key("Whose it is, for people.", role=OPERATOR)] = ""
    status: Annotated[str, Key("Whether it may charge.", one_of=("accepted", "blocked", "expired"), role=OPERATOR)] = (
        "accepted"
    )


@attrs.frozen(kw_only=True, field_transformer=declared)
class Authorize:
    """Who may charge, and who decides when the central system is away."""

    local_list: Annotated[tuple[LocalTag, ...], Key("Tags that the charger knows by itself.", role=OPERATOR)] = ()
    local_pre_authorize: Annotated[
        bool, Key("While the central system is there: a tag of the list starts at once, without asking it.")
    ] = True
    local_authorize_offline: Annotated[bool, Key("While the central system is away: the list counts.")] = True
    allow_unknown_offline: Annotated[
        bool, Key("While the central system is away: tags that nobody knows may start. Their energy may stay unpaid.")
    ] = False
    plug_timeout_s: Annotated[
        float,
        Key("From the authorization to the plug, at most; then it is void.", unit="s", between=(5, 3600)),
    ] = 60.0
