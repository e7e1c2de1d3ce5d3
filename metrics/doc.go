// Package metrics exports the figures of this module to Prometheus. Only programs that import
// it compile the client library of Prometheus.
//
//	m := metrics.New()
//	srv, err := socketio.NewServer(socketio.Options{Observer: m})
//	gate, err := auth.NewGate(verifier, auth.Options{Observer: m})
//	m.Server(srv)
//	m.Gate("/", gate)
//	go http.ListenAndServe("localhost:9090", m.Handler()) // not where peers can reach it
//
// A Metrics is an [observe.Observer], which measures durations, and a [prometheus.Collector],
// which reads the Stats of servers, gates, key sets, introspection and a backend when it is scraped. Either
// works without the other. A scrape looks at no single socket, so its cost does not depend on
// their number.
//
// docs/metrics.md lists the metrics. The files in deploy/ have a dashboard and alerts for them.
//
// # Labels
//
// No label has a text that a peer chooses: no subject, room, socket ID, address or name of an
// event without a handler. The namespaces of a rule are one, with the name of the rule. So the
// program bounds the number of series. Each histogram has at most 1000 combinations of labels
// besides; further ones are counted with the label "other".
package metrics
