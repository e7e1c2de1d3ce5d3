package redisbus_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// A client that lost its connection to one node gets everything on another, twice in a row without
// traffic nothing, and the same after a node has shut down.
func TestRecoveryOnAnotherNode(t *testing.T) {
	redis := redistest.Start(t)
	nodes := recovering(t, redis, redisbus.Options{}, 3)
	a, b, c := nodes[0], nodes[1], nodes[2]
	p := &recoverer{}
	p.connect(a, "ada")
	_ = a.Emit("one")
	p.until("one")
	sid := p.sid
	own := a.To(sid).Local().Sockets()[0]
	if err := own.Emit("own"); err != nil {
		t.Fatal(err)
	}
	p.expect("live", "connected", "one", "own")

	p.lose()
	kept(t, redis, p)
	_ = a.Emit("two", []byte("binary"))
	_ = b.To("room").Emit("three")
	_ = b.To("other").Emit("no")
	_ = b.Except("room").Emit("no")
	_ = a.Volatile().Emit("no", "text")
	_ = b.To(sid).Emit("four")
	_ = b.Emit("end of b")
	quiet := &recoverer{}
	quiet.connect(b, "bob") // until b has sent all
	quiet.conn.Abort()
	settled(t, a, b)
	p.connect(b, "ada")
	got := strings.Join(p.all(), " ")
	if want := "two three four end of b recovered"; sorted(got) != sorted(want) || p.sid != sid {
		t.Errorf("got %q, want %q; sid %s", got, want, p.sid)
	}
	p.expect("after", strings.Fields(got)...)

	for range 2 {
		p.lose()
		kept(t, redis, p)
		p.connect(a, "ada")
		if got := strings.Join(p.all(), " "); got != "recovered" {
			t.Errorf("without traffic: got %q", got)
		}
	}

	if err := a.Shutdown(a.ctx); err != nil {
		t.Error(err)
	}
	kept(t, redis, p)
	_ = b.Emit("five")
	settled(t, b, c)
	p.connect(c, "ada")
	if got := strings.Join(p.all(), " "); got != "five recovered" {
		t.Errorf("after a shutdown: got %q", got)
	}
}

// grep returns the lines of a log that have one of the texts.
func grep(log string, texts ...string) (found string) {
	for line := range strings.Lines(log) {
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(line, text) }) {
			found += line
		}
	}
	return found
}

func sorted(text string) string {
	words := strings.Fields(text)
	for i := range words {
		for k := i + 1; k < len(words); k++ {
			if words[k] < words[i] {
				words[i], words[k] = words[k], words[i]
			}
		}
	}
	return strings.Join(words, " ")
}

// settled waits until nodes have sent to their sockets what the nodes have emitted so far.
func settled(t *testing.T, nodes ...*node) {
	t.Helper()
	for i, n := range nodes {
		for k, other := range nodes {
			p := &recoverer{}
			p.connect(other, "settled")
			name := fmt.Sprintf("settled %d %d", i, k)
			if err := n.To(p.sid).Emit(name); err != nil {
				t.Fatal(err)
			}
			p.until(name)
			p.conn.Abort()
		}
	}
}

// What must not be recovered on another node.
func TestNotRecovered(t *testing.T) {
	redis := redistest.Start(t)
	nodes := recovering(t, redis, redisbus.Options{StreamLength: 10}, 2)
	a, b := nodes[0], nodes[1]
	for name, test := range map[string]func(p *recoverer) (user string){
		"another user":                  func(*recoverer) string { return "eve" },
		"not an offset":                 func(p *recoverer) string { p.offset = "text"; return "ada" },
		"an offset that was never sent": func(p *recoverer) string { p.offset = "99999999999999-0"; return "ada" },
		"a lost key":                    func(p *recoverer) string { redis.Do("DEL", "sio:session:"+p.pid); return "ada" },
		"a trimmed stream":              func(*recoverer) string { flood(t, a, 500); return "ada" },
		"a removed stream": func(*recoverer) string {
			redis.Do("DEL", "socket.io")
			_ = a.Emit("again")
			return "ada"
		},
		"a forged session": func(p *recoverer) string {
			redis.Do("SET", "sio:session:"+p.pid, "hKNzaWQ=")
			return "ada"
		},
	} {
		t.Run(name, func(t *testing.T) {
			records(t, redis, a) // a test before may have ended the epoch
			p := &recoverer{}
			p.connect(a, "ada")
			_ = a.Emit("one")
			p.until("one")
			sid := p.sid
			p.lose()
			kept(t, redis, p)
			_ = a.Emit("secret")
			user := test(p)
			settled(t, a, b)
			p.connect(b, user)
			if got := strings.Join(p.all(), " "); got != "connected" || p.sid == sid {
				t.Errorf("got %q", got)
			}
		})
	}
}

// flood emits events, and waits until they are in the stream.
func flood(t *testing.T, n *node, count int) {
	t.Helper()
	for i := range count {
		for n.Emit("flood", i) != nil {
			time.Sleep(time.Millisecond)
		}
	}
	redistest.Eventually(t, "all events are sent", func() bool { return n.bus.Health().Queued == 0 })
}

// Many clients of a node that has shut down come back to another at once, and get what is theirs.
// Their connections are open before they send CONNECT, so that the test measures the recovery and
// not the cost of the upgrades with the race detector. They are few enough to be served on a busy machine
// within the 3 seconds after which a node gives up waiting for Redis and admits them without recovery.
func TestManyRecoverAtOnce(t *testing.T) {
	const clients, events = 200, 100
	redis := redistest.Start(t)
	nodes := recovering(t, redis, redisbus.Options{StreamLength: 20_000}, 2)
	a, b := nodes[0], nodes[1]
	all := make([]*recoverer, clients)
	for i := range all {
		all[i] = &recoverer{}
		all[i].connect(a, fmt.Sprint("user", i))
	}
	for _, p := range all {
		p.conn.Abort()
	}
	kept(t, redis, all...)
	flood(t, a, events)
	for i, p := range all {
		_ = a.To(p.sid).Emit("own", i)
	}
	settled(t, a, b)
	if err := a.Shutdown(a.ctx); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		p.dial(b)
	}
	calls, replies := redis.Calls("xrange"), make(chan error, clients)
	for i, p := range all {
		go func() { replies <- p.recovers(fmt.Sprint("user", i), events) }()
	}
	var failed error
	for range all {
		failed = errors.Join(failed, <-replies)
	}
	if failed != nil {
		t.Fatalf("%.2000v\n%s", failed, grep(b.log.String(), "not recovered", "redisbus"))
	}
	// One for each offset, and few for the pages, which all clients share.
	if calls = redis.Calls("xrange") - calls; calls > clients+clients/2 {
		t.Errorf("%d calls of XRANGE", calls)
	}
}

// recovers sends CONNECT, and returns an error unless the session is recovered with a number of
// events and "own".
func (p *recoverer) recovers(user string, events int) error {
	if err := p.join(user); err != nil {
		return err
	}
	got := p.all()
	if len(got) != events+2 || got[events] != "own" || got[events+1] != "recovered" {
		return fmt.Errorf("%s: %d events, the last are %q", user, len(got), got[max(0, len(got)-3):])
	}
	return nil
}

// While Redis is away, the node's own sockets get what it emits, without an offset. Sessions that
// were lost meanwhile or before are not recovered, and later ones are.
func TestRecoveryAcrossAnOutage(t *testing.T) {
	redis := redistest.Start(t)
	nodes := recovering(t, redis, redisbus.Options{}, 2)
	a, b := nodes[0], nodes[1]
	early, p := &recoverer{}, &recoverer{}
	early.connect(a, "ada")
	p.connect(a, "ada")
	_ = a.Emit("one")
	early.until("one")
	p.until("one")
	early.lose()
	kept(t, redis, early)

	redis.Freeze()
	_ = a.Emit("local")
	p.until("local") // after the epoch has ended
	redis.Thaw()
	redistest.Eventually(t, "the connection", func() bool { return a.bus.Health().Connected && b.bus.Health().Connected })
	early.connect(b, "ada")
	if got := strings.Join(early.all(), " "); got != "connected" {
		t.Errorf("lost before: got %q", got)
	}
	records(t, redis, a)
	_ = a.Emit("later")
	p.until("later")
	p.lose()
	kept(t, redis, p)
	_ = a.Emit("missed")
	settled(t, a, b)
	p.connect(b, "ada")
	if got := strings.Join(p.all(), " "); got != "missed recovered" {
		t.Errorf("lost after: got %q", got)
	}
}

// Killed connections lose nothing: the node reads on, and its own events are found in the stream.
func TestKilledConnectionsOnStreams(t *testing.T) {
	redis := redistest.Start(t)
	nodes := recovering(t, redis, redisbus.Options{}, 2)
	a, b := nodes[0], nodes[1]
	p, q := &recoverer{}, &recoverer{}
	p.connect(a, "ada")
	q.connect(b, "bob")
	var want []string
	for i := range 300 {
		if i%100 == 50 {
			redis.KillClients()
		}
		name := fmt.Sprint("event ", i)
		want = append(want, name)
		if err := a.Emit(name); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	p.until("event 299")
	if got := strings.Join(p.all()[1:], ","); got != strings.Join(want, ",") {
		t.Errorf("the node's own peer got %q", got)
	}
	q.until("event 299")
	seen := map[string]int{}
	for _, name := range q.all()[1:] {
		seen[name]++
		if seen[name] > 1 {
			t.Errorf("%s arrived twice", name)
		}
	}
	t.Logf("%d of 300 arrived at the other node", len(seen))
}

// A node that is slower than the stream is long is told of the gap.
func TestTrap13TrimmedBeforeRead(t *testing.T) {
	redis := redistest.Start(t)
	hold, held := make(chan struct{}), make(chan struct{}, 2000)
	slow := start(t, redis.Addr(), redisbus.Options{Wire: redisbus.Streams, StreamLength: 100}, func(srv *socketio.Server) {
		open(srv)
		srv.OnEmit(func(socketio.Emitted) {
			held <- struct{}{}
			<-hold
		})
	})
	fast := start(t, redis.Addr(), redisbus.Options{Wire: redisbus.Streams, StreamLength: 100}, open)
	_ = fast.Emit("first")
	<-held
	flood(t, fast, 1000)
	redistest.Eventually(t, "the events", func() bool { return fast.bus.Health().Sent >= 1001 })
	close(hold)
	redistest.Eventually(t, "a gap", func() bool {
		gaps := slow.gaps.all()
		return len(gaps) == 1 && gaps[0].Cause == redisbus.ErrTrimmed
	})
}
