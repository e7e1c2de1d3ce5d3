package engineio

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestTranscripts plays testdata/*.wire against a server that echoes messages. These
// transcripts of the wire are also documentation:
//
//	> GET QUERY          a request; its answer comes later
//	> POST QUERY BODY
//	> OPEN QUERY         a request for a WebSocket
//	> TEXT PACKET        a frame on the WebSocket
//	> BINARY HEX
//	> CLOSE              a close frame
//	< GET STATUS BODY    the answer to the oldest GET without one
//	< POST STATUS BODY
//	< TEXT PACKET, < BINARY HEX, < CLOSE CODE, < END
//	! send TEXT          what the layer above does
//	! close REASON
//	! closed REASON      what Conn.Closed is called with
//	~ TIME               the time since the last such line, or since the start
//
// SID stands for the session's ID, ␞ for the separator.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.wire")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".wire"), func(t *testing.T) {
			bubble(t, func(t *testing.T) { playTranscript(t, file) })
		})
	}
}

// transcript is a transcript that is being played.
type transcript struct {
	*fixture
	conn    *recorder
	socket  *socket
	answers map[string][]<-chan answer // by method, the oldest first
	mark    time.Time
}

func playTranscript(t *testing.T, name string) {
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	opts := Options{}
	if strings.HasPrefix(filepath.Base(name), "legacy-") {
		opts = Options{AllowEIO3: true, Bind: func(*http.Request) string { return "the one client" }}
	}
	p := &transcript{
		fixture: newPipe(t, opts, func(c *recorder, _ *http.Request) Conn { c.echo(); return c }),
		answers: make(map[string][]<-chan answer),
		mark:    time.Now(),
	}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if problem := p.play(line); problem != "" {
			t.Fatalf("%s:%d: %s\n%s", name, n, line, problem)
		}
		synctest.Wait()
	}
}

// play plays one line and returns what is wrong with it.
func (p *transcript) play(line string) (problem string) {
	sign, rest, _ := strings.Cut(line, " ")
	verb, arg, _ := strings.Cut(strings.TrimSpace(rest), " ")
	arg = strings.ReplaceAll(strings.TrimSpace(arg), "␞", "\x1e")
	switch sign {
	case ">":
		p.act(verb, strings.ReplaceAll(arg, "SID", p.sid()))
	case "<":
		if got := p.observe(verb); got != arg {
			return fmt.Sprintf("got %q", got)
		}
	case "!":
		return p.above(verb, arg)
	case "~":
		want, err := time.ParseDuration(verb)
		if got := time.Since(p.mark); err != nil || got != want {
			return fmt.Sprintf("it is %s (%v)", got, err)
		}
		p.mark = time.Now()
	default:
		return "not understood"
	}
	return ""
}

// act does what the client does.
func (p *transcript) act(verb, arg string) {
	switch verb {
	case "GET", "POST", "PUT":
		query, body, _ := strings.Cut(arg, " ")
		p.answers[verb] = append(p.answers[verb], p.background(verb, query, body))
	case "OPEN":
		p.socket = p.fixture.socket(arg)
	case "TEXT":
		go p.socket.write(arg)
	case "BINARY":
		var data []byte
		fmt.Sscanf(arg, "%x", &data)
		go p.socket.raw(appendFrame(nil, clientSide, binaryFrame, "", data))
	case "CLOSE":
		go p.socket.raw(appendFrame(nil, clientSide, closeFrame, "", nil))
	}
}

// observe returns what the client gets.
func (p *transcript) observe(verb string) string {
	switch verb {
	case "GET", "POST", "PUT":
		if len(p.answers[verb]) == 0 {
			return "no such request"
		}
		a := <-p.answers[verb][0]
		p.answers[verb] = p.answers[verb][1:]
		return p.hide(fmt.Sprint(a.status, " ", a.body))
	}
	got := p.hide(p.socket.read())
	data, binary := strings.CutPrefix(got, "binary:")
	switch {
	case got == "end" && verb == "END":
		return ""
	case strings.HasPrefix(got, "close") && verb == "CLOSE":
		return strings.TrimPrefix(strings.TrimPrefix(got, "close"), " ")
	case binary && verb == "BINARY":
		return fmt.Sprintf("%x", data)
	case !binary && verb == "TEXT":
		return got
	}
	return got + ", which is no " + verb
}

// above acts as the layer above, or checks what it observed.
func (p *transcript) above(verb, arg string) (problem string) {
	p.sid()
	switch verb {
	case "send":
		p.conn.s.Send(NewMessage([]byte(arg)))
	case "close":
		p.conn.s.Close(Reason(arg))
	case "closed":
		expectEnd(p.t, p.conn, Reason(arg))
	default:
		return "not understood"
	}
	return ""
}

// sid returns the ID of the latest session, or "".
func (p *transcript) sid() string {
	select {
	case p.conn = <-p.opened:
	default:
	}
	if p.conn == nil {
		return "SID"
	}
	return p.conn.s.ID()
}

func (p *transcript) hide(text string) string {
	if sid := p.sid(); sid != "SID" {
		text = strings.ReplaceAll(text, sid, "SID")
	}
	return text
}
