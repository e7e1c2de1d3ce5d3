package metrics

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"socketiojwt/observe"
)

// timing defines the histogram of a kind of operation. It has at most two labels before
// result, which is the last one.
type timing struct {
	name, help string
	labels     []string
	of         func(observe.Operation, observe.Outcome) [2]string // the labels before result
}

var timings = [...]timing{
	observe.Connect: {"connect_duration_seconds", "From a CONNECT until its socket is admitted or has ended. In mode event it includes the time in which the peer sends its token.",
		[]string{"namespace", "mode", "result"}, func(op observe.Operation, o observe.Outcome) [2]string {
			return [2]string{op.Namespace, mode(o.Held)}
		}},
	observe.Verify: {"verification_duration_seconds", "The verification of a token, including the wait for keys and for its turn. The signature was checked, remembered from before, or is none that is expensive.",
		[]string{"algorithm", "signature", "result"}, func(_ observe.Operation, o observe.Outcome) [2]string {
			return [2]string{cmp.Or(o.Algorithm, "none"), o.Signature.String()}
		}},
	observe.FetchKeys: {"key_fetch_duration_seconds", "A fetch of the keys of an issuer.",
		[]string{"issuer", "result"}, func(op observe.Operation, _ observe.Outcome) [2]string { return [2]string{op.Issuer} }},
	observe.Handle: {"handler_duration_seconds", "A handler of an event. The event \"other\" stands for those without a handler of their own.",
		[]string{"namespace", "event", "result"}, func(op observe.Operation, _ observe.Outcome) [2]string {
			return [2]string{op.Namespace, op.Event}
		}},
	observe.Broadcast: {"broadcast_duration_seconds", "The sending of a broadcast to the sockets of this node, and its handing over to the other nodes.",
		[]string{"namespace", "result"}, func(op observe.Operation, _ observe.Outcome) [2]string { return [2]string{op.Namespace} }},
	observe.Refresh: {"refresh_duration_seconds", "The replacement of a lease by one for a fresh token.",
		[]string{"result"}, func(observe.Operation, observe.Outcome) [2]string { return [2]string{} }},
	observe.Revoke: {"revocation_duration_seconds", "A revocation or a block of this node, until its sockets have ended.",
		[]string{"result"}, func(observe.Operation, observe.Outcome) [2]string { return [2]string{} }},
	observe.AskBackend: {"backend_request_duration_seconds", "A request to the backend, by what it is about: connect, event or disconnect.",
		[]string{"of", "result"}, func(op observe.Operation, _ observe.Outcome) [2]string { return [2]string{op.Event} }},
	observe.Publish: {"bus_publish_duration_seconds", "The sending of a batch of messages to Redis, until it has answered.",
		[]string{"result"}, func(observe.Operation, observe.Outcome) [2]string { return [2]string{} }},
}

// buckets go from what a handler without I/O takes to the usual timeouts.
var buckets = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// timed is a histogram whose children are found without allocation.
type timed struct {
	timing
	vec      *prometheus.HistogramVec
	children sync.Map // from labels to prometheus.Observer
	n        atomic.Int32
}

// labels are the labels of a child: those of timing.of, and result.
type labels [3]string

// mostChildren bounds the children of a histogram.
const mostChildren = 1000

func newTimed(t timing) *timed {
	opts := prometheus.HistogramOpts{Namespace: namespace, Name: t.name, Help: t.help, Buckets: buckets}
	return &timed{timing: t, vec: prometheus.NewHistogramVec(opts, t.labels)}
}

// child returns the histogram for labels.
func (t *timed) child(l labels) prometheus.Observer {
	if known, ok := t.children.Load(l); ok {
		return known.(prometheus.Observer)
	}
	if t.n.Add(1) > mostChildren {
		t.n.Add(-1)
		return t.make(labels{observe.Other, observe.Other, l[2]})
	}
	made, known := t.children.LoadOrStore(l, t.make(l))
	if known {
		t.n.Add(-1)
	}
	return made.(prometheus.Observer)
}

func (t *timed) make(l labels) prometheus.Observer {
	values := make([]string, 0, len(l))
	for _, value := range l[:len(t.labels)-1] {
		values = append(values, clean(value))
	}
	return t.vec.WithLabelValues(append(values, clean(l[2]))...)
}

// Start implements observe.Observer.
func (m *Metrics) Start(ctx context.Context, op observe.Operation) (context.Context, func(observe.Outcome)) {
	if int(op.Kind) >= len(m.durations) || m.durations[op.Kind] == nil {
		return ctx, nil
	}
	t, began := m.durations[op.Kind], time.Now()
	return ctx, func(o observe.Outcome) {
		of := t.of(op, o)
		t.child(labels{of[0], of[1], o.Result}).Observe(time.Since(began).Seconds())
	}
}

// mode returns the label mode of a connect.
func mode(held bool) string {
	if held {
		return "event"
	}
	return "handshake"
}
