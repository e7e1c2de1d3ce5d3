package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"socketiojwt/internal/display"
	"socketiojwt/socketio/client"
)

// probeCommand connects to a server as a client does.
type probeCommand struct {
	URL       string        `arg:"" placeholder:"URL" help:"Server, such as http://localhost:9000. A path in it replaces /socket.io/."`
	Token     *string       `env:"SOCKETIO_JWT_TOKEN" placeholder:"TOKEN" help:"Token to send, or - to read it from standard input. Without it no token is sent."`
	Namespace string        `default:"/" placeholder:"NAME" help:"Namespace to join. Default: ${default}."`
	Mode      string        `enum:"auto,handshake,event" default:"auto" placeholder:"MODE" help:"When to send the token: handshake with CONNECT, event by the event \"authenticate\", auto in both. Default: ${default}."`
	Timeout   time.Duration `default:"10s" help:"How long to wait for the verdict. Default: ${default}."`
	Stay      time.Duration `help:"Once admitted, stay that long and print each packet, for example to see a token expire."`
}

// Help is shown by --help.
func (probeCommand) Help() string {
	return `Prints each packet with its time and direction, without the token, and then the verdict.

An answer to CONNECT does not tell whether the socket is admitted: a namespace in event mode answers it and then holds the socket until "authenticate" brings a token. So with a token, --mode auto sends "authenticate" as well and waits for the answer. Without a token it only waits, because a held socket is refused in the end and a guest is not. --mode handshake takes the answer to CONNECT as the verdict.

The exit code is 0 if the socket was admitted, 1 if it was refused, 2 if there was no verdict.

Examples:

    curl -s http://localhost:9000/login -H 'Content-Type: application/json' \
        -d '{"username": "ada"}' | socketio-jwt probe http://localhost:9000 --token -
    socketio-jwt probe http://localhost:9000 --token - --namespace /admin < token.txt
    socketio-jwt probe https://chat.example`
}

// Run connects, and prints packets and the verdict.
func (c *probeCommand) Run(ctx context.Context, t terminal) error {
	address, err := socketURL(c.URL)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(c.Namespace, "/") || strings.ContainsAny(c.Namespace, ",") {
		return fmt.Errorf("--namespace %s: a namespace begins with a slash and has no comma", c.Namespace)
	}
	if err := joined(positive("--timeout", c.Timeout), notNegative("--stay", c.Stay)); err != nil {
		return err
	}
	p := &probe{t: t, namespace: c.Namespace, mode: c.Mode}
	if c.Token != nil {
		if p.token, err = readToken(ctx, *c.Token, t.in); err != nil {
			return err
		}
	}
	opening, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("the server did not answer within %v", c.Timeout))
	defer cancel()
	p.say("connecting to %s", display.URL(address))
	if err := p.connect(opening, address); err != nil {
		return err
	}
	defer p.close()
	verdict, err := p.knock(opening)
	if err != nil {
		return err
	}
	p.conclude(verdict, c.Stay > 0)
	if !verdict.admitted {
		return errRefused
	}
	if c.Stay > 0 {
		staying, cancel := context.WithTimeout(ctx, c.Stay)
		defer cancel()
		p.stay(staying)
	}
	return nil
}

// socketURL adds the path /socket.io/ if the URL has no path.
func socketURL(raw string) (string, error) {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("%s is not the URL of a server, such as http://localhost:9000", display.URL(raw))
	}
	if u.User != nil {
		return "", errors.New("a user name or password in the URL would be printed and not used: leave them out")
	}
	switch u.Path {
	case "", "/":
		u.Path = "/socket.io/"
	}
	u.Fragment = ""
	return u.String(), nil
}

// probe is one connection.
type probe struct {
	t         terminal
	client    *client.Client
	socket    *client.Socket // nil before the namespace answered CONNECT
	token     string
	namespace string
	mode      string

	mu    sync.Mutex // held while a line is printed; guards the fields below
	quiet bool       // packets are not printed any more
}

// connect opens the connection.
func (p *probe) connect(ctx context.Context, address string) (err error) {
	p.client, err = client.Dial(ctx, address, client.Options{
		Auth:        p.auth,
		Header:      http.Header{"User-Agent": {"socketio-jwt probe"}},
		OpenTimeout: maxOpenTimeout,
		NoReconnect: true,
		Trace:       p.packet,
		Logger:      slog.New(slog.DiscardHandler),
	})
	var refused *client.StatusError
	switch {
	case errors.As(err, &refused):
		return fmt.Errorf("could not connect: %s", p.shorten(fmt.Sprintf("the server refused with %d %s", refused.Status, refused.Message)))
	case err != nil:
		return fmt.Errorf("could not connect: %s", p.clean(err.Error()))
	}
	h := p.client.Handshake()
	p.say("connected: pings every %v, answers within %v, up to %d bytes at once", h.PingInterval, h.PingTimeout, h.MaxPayload)
	return nil
}

// maxOpenTimeout is out of reach, so that --timeout bounds the connection.
const maxOpenTimeout = 1000 * time.Hour

// auth returns the payload of CONNECT, nil in the mode that sends the token by event.
func (p *probe) auth(context.Context, string) (any, error) {
	if p.mode == "event" || p.token == "" {
		return nil, nil
	}
	return p.payload(), nil
}

func (p *probe) payload() any {
	return struct {
		Token string `json:"token,omitzero"`
	}{p.token}
}

func (p *probe) close() {
	p.mu.Lock()
	p.quiet = true
	p.mu.Unlock()
	_ = p.client.Close()
}

// verdict is the answer of the server.
type verdict struct {
	admitted bool
	text     string
}

// connected returns the error for a server that answers CONNECT and then nothing.
func (p *probe) connected(err error) error {
	if p.token == "" {
		return fmt.Errorf("no verdict: the namespace answered CONNECT without a token, and then nothing. It admits guests or has no gate, or its gate waits for longer than --timeout: %w", err)
	}
	return fmt.Errorf("no verdict: the namespace answered CONNECT, and did not answer \"authenticate\". If it reads the token only from the handshake, --mode handshake gives its verdict: %w", err)
}

// knock joins the namespace, sends the token and waits for the verdict.
func (p *probe) knock(ctx context.Context) (verdict, error) {
	var err error
	if p.socket, err = p.client.Join(ctx, p.namespace); err != nil {
		return p.ended(err, nil)
	}
	if p.mode == "handshake" {
		return verdict{true, "ADMITTED: the namespace answered CONNECT. (If it is in event mode, the socket is held: give --mode event.)"}, nil
	}
	if err := p.authenticate(ctx); err != nil {
		return p.ended(err, nil)
	}
	var unauthorized *refusal
	for {
		e, err := p.socket.Receive(ctx)
		if err != nil {
			return p.ended(err, unauthorized)
		}
		switch e.Name {
		case "authenticated":
			return verdict{true, "ADMITTED: the server answered \"authenticated\"."}, nil
		case "unauthorized":
			unauthorized = readRefusal(e)
			_ = e.Ack(ctx) // if the connection is lost, Receive returns the error
		}
	}
}

// ended returns the verdict after the socket has ended, or --timeout is over, with err.
// unauthorized is the refusal that the server sent before, or nil.
func (p *probe) ended(err error, unauthorized *refusal) (verdict, error) {
	var told *client.ConnectError
	switch {
	case errors.As(err, &told):
		return verdict{text: refusalOf(told).words("CONNECT_ERROR refused the socket")}, nil
	case unauthorized != nil: // a temporary refusal closes the transport
		return verdict{text: unauthorized.words("The event \"unauthorized\" refused the token")}, nil
	case errors.Is(err, client.ErrDisconnected):
		return verdict{text: "REFUSED: the server sent DISCONNECT and gave no reason."}, nil
	case p.socket != nil && p.mode != "event":
		return verdict{}, p.connected(err)
	}
	return verdict{}, fmt.Errorf("no verdict: %w", err)
}

// authenticate sends the token by event, unless there is none and the mode is auto.
func (p *probe) authenticate(ctx context.Context) error {
	if p.mode == "auto" && p.token == "" {
		p.say("connected without a token; waiting for the server to refuse the socket")
		return nil
	}
	if p.mode == "auto" {
		p.say("connected, and admitted or held: sending \"authenticate\" to find out")
	}
	return p.socket.Emit(ctx, "authenticate", p.payload())
}

// stay receives until ctx or the connection ends. packet prints each packet.
func (p *probe) stay(ctx context.Context) {
	for {
		if _, err := p.socket.Receive(ctx); err != nil {
			if ctx.Err() == nil {
				p.say("the connection ended: %v", err)
			}
			return
		}
	}
}

// packet prints a packet.
func (p *probe) packet(sent bool, data []byte, binary bool) {
	direction, text := "←", withoutRecovery(data)
	if sent {
		direction = "→"
	}
	if binary {
		text = fmt.Sprintf("(attachment, %d bytes)", len(data))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.quiet {
		fmt.Fprintf(p.t.out, "%s %s %s\n", stamp(), direction, p.shorten(text))
	}
}

// recoveryID matches the secret with which a client recovers its session, in the answer to CONNECT.
var recoveryID = regexp.MustCompile(`"pid"\s*:\s*"(?:[^"\\]|\\.)*"?`)

// withoutRecovery hides the secret by which a session is recovered: anyone who reads the output
// could take the session over.
func withoutRecovery(data []byte) string {
	if len(data) == 0 || data[0] != '0' { // not the answer to CONNECT
		return string(data)
	}
	return recoveryID.ReplaceAllString(string(data), `"pid":"(hidden)"`)
}

// conclude prints the verdict. If the probe stays, packets are still printed afterwards.
func (p *probe) conclude(v verdict, stays bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quiet = !stays
	fmt.Fprintf(p.t.out, "\n%s\n", p.shorten(v.text))
}

// maxPrinted is the maximum number of characters printed of a packet or a verdict.
const maxPrinted = 2000

// shorten calls clean, and cuts the result to maxPrinted characters.
func (p *probe) shorten(text string) string {
	shown := []rune(p.clean(text))
	if len(shown) > maxPrinted {
		shown = append(shown[:maxPrinted], []rune(fmt.Sprintf("… (%d bytes)", len(text)))...)
	}
	return string(shown)
}

// say prints a line that is not a packet.
func (p *probe) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.t.out, "%s · %s\n", stamp(), p.clean(fmt.Sprintf(format, args...)))
}

// clean makes text of a server safe to print on one line, without the token.
func (p *probe) clean(text string) string {
	return strings.ReplaceAll(display.Printable(display.Redact(text, p.token)), "\n", `\n`)
}

func stamp() string { return time.Now().Format("15:04:05.000") }
