package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
)

// asked describes the result of a call that asks other nodes, for comparison.
func asked(begin time.Time, got string, err error) string {
	missing := []socketio.NodeID(nil)
	if partial := (*socketio.PartialError)(nil); errors.As(err, &partial) {
		missing = partial.Missing
	}
	return fmt.Sprintf("%s, %v, missing %v after %v", got, err, missing, time.Since(begin))
}

// Nodes may reply without their name. Their replies are counted, and do not stand for those of
// nodes that name themselves. A call waits neither for a node that has left nor for one that is
// known to be silent, but says that it has not answered.
func TestRepliesWithoutANameAndNodesThatLeave(t *testing.T) {
	all := func(kind socketio.MessageKind, froms ...socketio.NodeID) (replies []socketio.Message) {
		for _, from := range froms {
			kind := kind
			if id, gone := strings.CutPrefix(string(from), "gone"); gone {
				kind, from = socketio.KindGone, socketio.NodeID(strings.TrimSpace(id))
			}
			replies = append(replies, socketio.Message{Kind: kind, From: from, Data: json.RawMessage(`[1]`), Sockets: []socketio.SocketInfo{{ID: "x"}}})
		}
		return replies
	}
	for name, c := range map[string]struct {
		asked   socketio.Asked
		replies []socketio.NodeID
		want    string
	}{
		"all":                    {socketio.Asked{Unnamed: 2}, []socketio.NodeID{"", "1", "", "2"}, "[1 2 unnamed unnamed], <nil>, missing [] after 0s"},
		"too few unnamed":        {socketio.Asked{Unnamed: 2}, []socketio.NodeID{"1", "2", ""}, "[1 2 unnamed], socketio: 3 of 4 other nodes answered: context deadline exceeded, missing [] after 5s"},
		"too many unnamed":       {socketio.Asked{Unnamed: 1}, []socketio.NodeID{"", "", "", "1"}, "[1 unnamed unnamed unnamed], socketio: 2 of 3 other nodes answered: context deadline exceeded, missing [2] after 5s"},
		"a node not counted":     {socketio.Asked{}, []socketio.NodeID{"3", "1"}, "[1 3], socketio: 1 of 2 other nodes answered: context deadline exceeded, missing [2] after 5s"},
		"silent ones":            {socketio.Asked{Silent: 2}, []socketio.NodeID{"1", "2"}, "[1 2], socketio: 2 of 4 other nodes answered: a node is gone or silent, missing [] after 0s"},
		"a silent one answers":   {socketio.Asked{Silent: 1}, []socketio.NodeID{"1", "", "2"}, "[1 2 unnamed], <nil>, missing [] after 0s"},
		"one leaves":             {socketio.Asked{}, []socketio.NodeID{"1", "gone 2", "gone 2"}, "[1], socketio: 1 of 2 other nodes answered: a node is gone or silent, missing [2] after 0s"},
		"one answers and leaves": {socketio.Asked{}, []socketio.NodeID{"1", "gone 1", "2"}, "[1 2], <nil>, missing [] after 0s"},
		"one leaves and answers": {socketio.Asked{}, []socketio.NodeID{"gone 1", "1", "2"}, "[1 2], <nil>, missing [] after 0s"},
		"an unnamed one leaves":  {socketio.Asked{Unnamed: 2}, []socketio.NodeID{"1", "2", "gone", ""}, "[1 2 unnamed], socketio: 3 of 4 other nodes answered: a node is gone or silent, missing [] after 0s"},
		"another one leaves":     {socketio.Asked{}, []socketio.NodeID{"gone 3", "1"}, "[1], socketio: 1 of 2 other nodes answered: context deadline exceeded, missing [2] after 5s"},
	} {
		for _, kind := range []socketio.MessageKind{socketio.KindSockets, socketio.KindServerSideAnswer} {
			t.Run(fmt.Sprintf("%s, kind %d", name, kind), func(t *testing.T) {
				onBus(t, 2, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
					bus.nameless = c.asked
					begin, done := time.Now(), make(chan string)
					go func() {
						var from []socketio.NodeID
						var err error
						if kind == socketio.KindSockets {
							var infos []socketio.SocketInfo
							infos, err = f.srv.FetchSockets(context.Background())
							for _, info := range infos {
								from = append(from, info.Node)
							}
						} else {
							var answers []socketio.ServerSideAnswer
							answers, err = f.srv.ServerSideEmitWithAck(context.Background(), "q")
							for _, a := range answers {
								from = append(from, a.Node)
							}
						}
						slices.Sort(from)
						done <- asked(begin, fmt.Sprint(from), err)
					}()
					synctest.Wait()
					published, _ := bus.take()
					for _, m := range all(kind, c.replies...) {
						if m.Kind != socketio.KindGone || m.From == "" {
							m.Request = published[0].Request
						}
						bus.deliver(m)
					}
					if got := <-done; got != c.want {
						t.Errorf("got  %s\nwant %s", got, c.want)
					}
				})
			})
		}
	}
}

// Answers of sockets on nodes that do not name themselves are awaited up to the sum of their
// counts. Sockets of a node that has left are missing.
func TestAnswersWithoutANameAndNodesThatLeave(t *testing.T) {
	count := func(from socketio.NodeID, n int, ids ...string) socketio.Message {
		return socketio.Message{Kind: socketio.KindCount, From: from, Count: n, IDs: ids}
	}
	answer := func(from socketio.NodeID, socket, data string) socketio.Message {
		return socketio.Message{Kind: socketio.KindAnswer, From: from, Socket: socket, Data: json.RawMessage(data)}
	}
	gone := func(from socketio.NodeID) socketio.Message {
		return socketio.Message{Kind: socketio.KindGone, From: from}
	}
	for name, c := range map[string]struct {
		nodes   int
		asked   socketio.Asked
		replies []socketio.Message
		want    string
	}{
		"all":               {1, socketio.Asked{Unnamed: 2}, []socketio.Message{count("", 2), answer("", "", "[1]"), count("1", 1, "x"), answer("1", "x", "[2]"), count("", 1), answer("", "", "[3]"), answer("", "", "[4]")}, "4 of [] and 0, <nil>, missing [] after 0s"},
		"an answer lacks":   {0, socketio.Asked{Unnamed: 2}, []socketio.Message{count("", 2), answer("", "", "[1]"), count("", 1), answer("", "", "[3]")}, "2 of [] and 1, context deadline exceeded, missing [] after 10m0s"},
		"a count lacks":     {0, socketio.Asked{Unnamed: 2}, []socketio.Message{count("", 1), answer("", "", "[1]")}, "1 of [] and 0, socketio: 1 of 2 other nodes answered: context deadline exceeded, missing [] after 5s"},
		"answers first":     {0, socketio.Asked{Unnamed: 2}, []socketio.Message{answer("", "", "[1]"), answer("", "", "[1]"), count("", 1), count("", 1)}, "2 of [] and 0, <nil>, missing [] after 0s"},
		"a silent one":      {1, socketio.Asked{Silent: 1}, []socketio.Message{count("1", 0)}, "0 of [] and 0, socketio: 1 of 2 other nodes answered: a node is gone or silent, missing [] after 0s"},
		"an unnamed leaves": {1, socketio.Asked{Unnamed: 2}, []socketio.Message{count("1", 0), count("", 1), gone(""), answer("", "", "[1]")}, "1 of [] and 0, socketio: 2 of 3 other nodes answered: a node is gone or silent, missing [] after 0s"},
		"leaves before":     {2, socketio.Asked{}, []socketio.Message{gone("2"), count("1", 0)}, "0 of [] and 0, socketio: 1 of 2 other nodes answered: a node is gone or silent, missing [2] after 0s"},
		"leaves after":      {2, socketio.Asked{}, []socketio.Message{count("1", 0), count("2", 2, "x", "y"), answer("2", "y", "[1]"), gone("2")}, "1 of [x] and 0, <nil>, missing [] after 0s"},
		"another one":       {1, socketio.Asked{}, []socketio.Message{gone("2"), gone("3"), count("1", 1, "x"), answer("1", "x", "[1]")}, "1 of [] and 0, <nil>, missing [] after 0s"},
		"leaves, no longer": {1, socketio.Asked{}, []socketio.Message{count("1", 2), gone("1")}, "0 of [] and 2, <nil>, missing [] after 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			onBus(t, c.nodes, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
				bus.nameless = c.asked
				begin, done := time.Now(), make(chan string)
				go func() {
					answers, err := f.srv.EmitWithAck(context.Background(), "q")
					done <- asked(begin, fmt.Sprintf("%d of %v and %d", len(answers.List), answers.Missing, answers.Unnamed), err)
				}()
				synctest.Wait()
				published, _ := bus.take()
				for _, m := range c.replies {
					if m.Kind != socketio.KindGone || m.From == "" {
						m.Request = published[0].Request
					}
					bus.deliver(m)
				}
				if got := <-done; got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
			})
		})
	}
}

// Before the server serves, the bus is told of the namespaces that always exist. "/" is not among
// them if it admits no socket.
func TestStaticNamespacesReportedToTheBus(t *testing.T) {
	for name, setup := range map[string]func(srv *socketio.Server){
		"[/ /a /b]": func(srv *socketio.Server) { srv.Open(); srv.Of("/b").Open(); srv.Of("/a").Open() },
		"[/a]": func(srv *socketio.Server) {
			srv.Of("/a").Open()
			srv.OfFunc(func(context.Context, string, *socketio.Handshake) (bool, error) { return true, nil }).Open()
		},
	} {
		onBus(t, 0, socketio.Options{}, setup, func(f *fixture, bus *stubBus) {
			told := bus.static.all()
			slices.Sort(told)
			if got := fmt.Sprint(told); got != name || len(bus.told.all()) > 0 {
				t.Errorf("told %s, want %s; and %q", got, name, bus.told.all())
			}
		})
	}
}

// Stats include the report of a bus that reports its health. A panic of the bus is not passed on.
func TestHealthOfTheBus(t *testing.T) {
	onBus(t, 3, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
		if h := f.srv.Stats().Bus; h == nil || h.Nodes != 3 {
			t.Errorf("reported %+v", h)
		}
		bus.panics = true
		if h := f.srv.Stats().Bus; h != nil {
			t.Errorf("the bus panicked, reported %+v", h)
		}
	})
	inCluster(t, 1, socketio.Options{}, func(c *cluster) {
		if h := c.srv.Stats().Bus; h != nil {
			t.Errorf("a bus without reports: %+v", h)
		}
	})
}
