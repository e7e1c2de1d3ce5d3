package metrics

import "github.com/prometheus/client_golang/prometheus"

// namespace is the prefix of all names.
const namespace = "socketiojwt"

// figure is a gauge or a counter that Collect sends.
type figure struct {
	name, help string
	labels     []string
	desc       *prometheus.Desc
	kind       prometheus.ValueType
}

// figures are all gauges and counters.
var figures []*figure

func gauge(name, help string, labels ...string) *figure {
	return newFigure(prometheus.GaugeValue, name, help, labels)
}

func counter(name, help string, labels ...string) *figure {
	return newFigure(prometheus.CounterValue, name+"_total", help, labels)
}

func newFigure(kind prometheus.ValueType, name, help string, labels []string) *figure {
	name = prometheus.BuildFQName(namespace, "", name)
	f := &figure{name, help, labels, prometheus.NewDesc(name, help, labels, nil), kind}
	figures = append(figures, f)
	return f
}

var buildInfo = gauge("build_info", "1, with the version of this module and of Go.", "version", "goversion")

// Sessions: engineio.Stats.
var (
	sessions         = gauge("sessions", "Open Engine.IO sessions. Each carries the sockets of one peer.", "transport", "protocol")
	httpRequests     = gauge("http_requests", "HTTP requests that are being answered; polls that wait are among them, WebSockets are not.")
	queuedBytes      = gauge("queued_bytes", "Bytes that wait to be written for peers that read slowly, or for the next polls.")
	sessionsDelayed  = gauge("sessions_delayed", "Sessions whose peer is not read now, because it has sent more than its rate allows.")
	goroutines       = gauge("goroutines", "Goroutines that read and write sessions (of=sessions) or run code of the program such as handlers (of=handlers).", "of")
	sessionsOpened   = counter("sessions_opened", "Sessions that were opened.")
	sessionsUpgraded = counter("sessions_upgraded", "Sessions that changed over from polling to WebSocket.")
	sessionsClosed   = counter("sessions_closed", "Sessions that have ended, by reason. The reason \"slow peer\" means that the peer read too slowly, and \"rate exceeded\" that it sent too much.", "reason")
	delays           = counter("delays", "How often the peer of a session was not read for a while, because it had sent more than its rate allows.")
	requestsRefused  = counter("requests_refused", "HTTP requests that were refused, by cause.", "cause")
	receivedBytes    = counter("received_bytes", "Bytes of messages that were received.")
	sentBytes        = counter("sent_bytes", "Bytes that were written to peers.")
)

// Sockets: socketio.Stats.
var (
	connecting     = gauge("sockets_connecting", "Sockets whose CONNECT is not answered, because connect middleware is running or waits for its turn.")
	sockets        = gauge("sockets", "Sockets by state: held ones have not shown a good token yet, the peers of ending ones have left.", "namespace", "state")
	pendingAcks    = gauge("acks_pending", "Acknowledgements that peers have not sent yet.")
	newBytes       = gauge("new_connection_bytes", "Bytes kept for connections of which no socket has been admitted.")
	admissions     = counter("admissions", "Sockets that were admitted.", "namespace")
	refusals       = counter("refusals", "Sockets that were refused. The namespace \"other\" does not exist.", "namespace", "temporary")
	disconnects    = counter("disconnects", "Admitted sockets that have ended, by reason.", "reason")
	violations     = counter("protocol_violations", "Connections that were closed because the peer broke the protocol, exceeded a limit, or joined no namespace in time.")
	overloads      = counter("overloads", "Connections that were closed because all connections without an admitted socket kept too many bytes.")
	eventsReceived = counter("events_received", "Events that peers have sent.", "namespace")
	eventsDropped  = counter("events_dropped", "Events that arrived before their socket was admitted, and were dropped.", "namespace")
	eventsSent     = counter("events_sent", "Events that were sent to sockets of this node, once for each socket.", "namespace")
	broadcasts     = counter("broadcasts", "Broadcasts, including those of other nodes.", "namespace")
	handlerErrors  = counter("handler_errors", "Events whose handler returned an error, by whose fault it is.", "fault")
	panics         = counter("panics", "Panics of code of the program.")
)

// The bus: socketio.BusHealth.
var (
	busConnected  = gauge("bus_connected", "1 if this node hears the other nodes and can send to them, otherwise 0.")
	busNodes      = gauge("bus_nodes", "Other nodes that are known by name.")
	busQueued     = gauge("bus_queued_bytes", "Bytes that wait to be sent to other nodes.")
	busDelay      = gauge("bus_delay_seconds", "How long a message takes from one node to another, as measured last; 0 if that is not known.")
	busSent       = counter("bus_messages_sent", "Messages that were sent to other nodes.")
	busReceived   = counter("bus_messages_received", "Messages of other nodes that were received.")
	busIgnored    = counter("bus_messages_ignored", "Received messages that were malformed.")
	busDropped    = counter("bus_messages_dropped", "Messages that were queued and not sent.")
	busOverflowed = counter("bus_messages_overflowed", "Received messages that were dropped because this node was too slow.")
	busGaps       = counter("bus_gaps", "Periods in which this node may have missed messages of other nodes.")
)

// Gates: auth.Stats.
var (
	gateAvailable  = gauge("gate_available", "1 if the gate can admit a socket, 0 while keys or the denylist are not available.", "gate")
	gateSockets    = gauge("gate_sockets", "Sockets by state: held until they show a good token, leased, or guests without a token.", "gate", "state")
	gateOutage     = gauge("gate_outage_seconds", "How long sockets have been refused temporarily because of an outage; 0 without an outage.", "gate")
	denied         = gauge("denylist_entries", "Entries of the denylist: revoked tokens and blocked subjects.", "gate")
	gateAdmissions = counter("gate_admissions", "Sockets that were admitted, as leased (with a token) or as guest.", "gate", "as")
	gateRefusals   = counter("gate_refusals", "Refusals of sockets and of HTTP requests, by reason.", "gate", "reason")
	gateVerified   = counter("tokens_verified", "Tokens that were verified and found good.", "gate")
	gateRefreshes  = counter("lease_refreshes", "Leases that were replaced by one for a fresh token.", "gate")
	leaseEnds      = counter("lease_ends", "Leases that have ended, by cause: the reason of the gate, or the reason for which the socket ended.", "gate", "cause")
	revoked        = counter("revoked_sockets", "Sockets that ended because their token was revoked or their subject blocked.", "gate")
	forbidden      = counter("events_forbidden", "Events that were refused because the token lacks a right, by reason.", "gate", "reason")
	challenges     = counter("events_challenged", "Events that waited for a fresher token.", "gate")
	gatePanics     = counter("gate_panics", "Panics of hooks, sources and key functions.", "gate")
)

// Keys: jwks.Stats.
var (
	keysInUse   = gauge("keys", "Keys of the issuer that are in use.", "issuer")
	keysFetched = gauge("keys_fetched_timestamp_seconds", "When the issuer last confirmed its keys; 0 if there are none.", "issuer")
	keysExpire  = gauge("keys_expire_timestamp_seconds", "When the keys will be too old to be used; 0 if there are none.", "issuer")
	keysFailing = gauge("key_fetches_failing", "Fetches of keys that have failed in a row.", "issuer")
	keyFetches  = counter("key_fetches", "Fetches of keys that have ended.", "issuer")
	keyFailures = counter("key_fetch_failures", "Fetches of keys that have failed.", "issuer")
	keysMissing = counter("keys_missing", "Tokens that were refused because the issuer does not publish their key.", "issuer")
)

// Introspection: introspect.Stats.
var (
	introspected      = gauge("introspection_tokens", "Tokens whose verdict is remembered.", "endpoint", "verdict")
	introspecting     = gauge("introspection_requests_in_flight", "Requests of the introspection endpoint that are under way.", "endpoint")
	introspectWaiting = gauge("introspection_waiting", "Tokens that wait for a request.", "endpoint")
	introspectFailing = gauge("introspection_failing", "Requests that have failed in a row.", "endpoint")
	introspectHits    = counter("introspection_hits", "Tokens that were decided without the endpoint.", "endpoint", "verdict")
	introspectAsked   = counter("introspection_requests", "Requests that have ended.", "endpoint")
	introspectFailed  = counter("introspection_failures", "Requests that have failed.", "endpoint")
)

// A backend: upstream.Stats.
var (
	backendDown      = gauge("backend_down_seconds", "How long requests to the backend have failed; 0 if the last one succeeded.")
	backendRunning   = gauge("backend_requests_in_flight", "Requests for connects and events that are under way.")
	backendWaiting   = gauge("backend_waiting", "Connects and events that wait for a request.")
	backendNotices   = gauge("backend_notices", "Disconnects of which the backend has not been told yet.")
	backendRequests  = counter("backend_requests", "Requests that were sent, with all attempts, by what they are about: connect, event or disconnect.", "of")
	backendFailures  = counter("backend_failures", "Requests without an answer that could be carried out.")
	backendUnsent    = counter("backend_unsent", "Connects and events that were not sent, because requests fail or too many wait.")
	backendRefusals  = counter("backend_refusals", "Sockets that the backend has refused.")
	backendForgotten = counter("backend_notices_dropped", "Disconnects of which the backend was not told.")
)

// A denylist that is kept elsewhere.
var (
	denylistAvailable = gauge("denylist_available", "1 if tokens can be looked up in the denylist, otherwise 0.")
	denylistAge       = gauge("denylist_age_seconds", "How long ago the denylist was last read to the end.")
)

// The certificate of the server.
var certificateExpires = gauge("certificate_expire_timestamp_seconds", "When the certificate of the server expires.")
