package webtransport

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"socketiojwt/engineio"
)

// echo is a Conn that sends back what it receives.
type echo struct {
	s      *engineio.Session
	closed chan engineio.Reason
}

func (e echo) Message(data []byte, binary bool) {
	if binary {
		_ = e.s.Send(engineio.NewBinaryMessage(bytes.Clone(data)))
	} else {
		_ = e.s.Send(engineio.NewMessage(bytes.Clone(data)))
	}
}
func (e echo) Closed(reason engineio.Reason) { e.closed <- reason }

// fixture is a server on the loopback interface. Its times are long, because a busy machine may delay both ends.
type fixture struct {
	t      testing.TB
	url    string
	roots  *x509.CertPool
	opened chan echo
	engine *engineio.Server
	server *Server
}

func newFixture(t testing.TB, opts engineio.Options, prepare ...func(*Server)) *fixture {
	t.Helper()
	f := &fixture{t: t, opened: make(chan echo, 10), roots: x509.NewCertPool()}
	if opts.PingInterval == 0 {
		opts.PingInterval = time.Hour
	}
	var err error
	f.engine, err = engineio.NewServer(func(s *engineio.Session, _ *http.Request) engineio.Conn {
		e := echo{s, make(chan engineio.Reason, 1)}
		f.opened <- e
		return e
	}, opts)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, _ := x509.ParseCertificate(der)
	f.roots.AddCert(certificate)
	if f.server, err = NewServer(f.engine, Options{TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}}); err != nil {
		t.Fatal(err)
	}
	f.server.timeout, f.server.conns.timeout = time.Minute, time.Minute
	f.server.wt.H3.QUICConfig.HandshakeIdleTimeout = time.Minute
	for _, prepare := range prepare {
		prepare(f.server)
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.url = "https://" + udp.LocalAddr().String() + "/engine.io/"
	served := make(chan error)
	go func() { served <- f.server.Serve(udp) }()
	t.Cleanup(func() {
		_ = f.engine.Close()
		_ = f.server.Close()
		<-served
		_ = udp.Close()
		for deadline := time.Now().Add(time.Minute); f.server.conns.open() > 0; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Errorf("%d connections are counted after their end", f.server.conns.open())
				break
			}
		}
	})
	return f
}

// peer is a client's end.
type peer struct {
	t       testing.TB
	session *webtransport.Session
	stream  *webtransport.Stream
}

func (f *fixture) dialer() *webtransport.Transport {
	return &webtransport.Transport{
		TLSClientConfig: &tls.Config{RootCAs: f.roots, NextProtos: []string{http3.NextProtoH3}},
		QUICConfig:      &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true, HandshakeIdleTimeout: time.Minute},
	}
}

// dial opens a session with its stream, and sends first.
func (f *fixture) dial(first []byte, header http.Header) *peer {
	f.t.Helper()
	p, err := f.tryDial(first, header)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

func (f *fixture) tryDial(first []byte, header http.Header) (*peer, error) {
	session, err := f.session(header)
	if err != nil {
		return nil, err
	}
	stream, err := session.OpenStreamSync(session.Context())
	if err != nil {
		return nil, err
	}
	_ = stream.SetDeadline(time.Now().Add(time.Minute))
	_, err = stream.Write(first)
	return &peer{f.t, session, stream}, err
}

// session opens a session without a stream.
func (f *fixture) session(header http.Header) (*webtransport.Session, error) {
	dialer := f.dialer()
	f.t.Cleanup(func() { _ = dialer.Close() })
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	_, session, err := dialer.Dial(ctx, f.url, header)
	if err == nil {
		f.t.Cleanup(func() { _ = session.CloseWithError(0, "") })
	}
	return session, err
}

// packet returns a packet on the wire.
func packet(binary bool, data string) []byte {
	var b []byte
	switch n := len(data); {
	case n < 126:
		b = []byte{byte(n)}
	case n < 1<<16:
		b = []byte{126, byte(n >> 8), byte(n)}
	default:
		b = []byte{127, 0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	if binary {
		b[0] |= 0x80
	}
	return append(b, data...)
}

func (p *peer) write(data []byte) {
	p.t.Helper()
	if _, err := p.stream.Write(data); err != nil {
		p.t.Error(err)
	}
}

// read returns the next packet, with "binary:" if it is binary, or "end".
func (p *peer) read() string {
	first, _, length, err := readHeader(p.stream)
	if err != nil {
		return "end"
	}
	data := make([]byte, length)
	for got := 0; got < len(data); {
		n, err := p.stream.Read(data[got:])
		if got += n; err != nil && got < len(data) {
			return "end"
		}
	}
	if first&0x80 != 0 {
		return "binary:" + string(data)
	}
	return string(data)
}
