package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/internal/redistest"
)

// pairFiles are the files of a certificate for localhost and its key.
type pairFiles struct{ cert, key string }

func newPairFiles(t *testing.T) pairFiles {
	dir := t.TempDir()
	return pairFiles{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// write writes a new pair that is valid from now until then.
func (p pairFiles) write(t *testing.T, serial int64, now, then time.Time) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}, NotBefore: now, NotAfter: then}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{p.cert: {Type: "CERTIFICATE", Bytes: der}, p.key: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (p pairFiles) flags() []string { return []string{"--tls-cert", p.cert, "--tls-key", p.key} }

// today writes a pair that is valid for a year.
func (p pairFiles) today(t *testing.T, serial int64) pairFiles {
	t.Helper()
	p.write(t, serial, time.Now().Add(-time.Hour), time.Now().Add(365*24*time.Hour))
	return p
}

// dialTLS connects to a server that has the certificate with that number.
func dialTLS(t *testing.T, s *served, serial int64, protocols ...string) *tls.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: protocols}) //nolint:gosec // it is this test's own
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if got := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != serial {
		t.Fatalf("certificate %d, want %d", got, serial)
	}
	return conn
}

// TestTLS checks that pages come by HTTP/2, and that a WebSocket can be opened by HTTP/1.1 beside
// them.
func TestTLS(t *testing.T) {
	s := start(t, append(newPairFiles(t).today(t, 1).flags(), "--metrics", "127.0.0.1:0")...)
	if !strings.HasPrefix(s.url, "https://") || strings.Contains(s.out.String(), "http://") {
		t.Errorf("it prints %s", s.out)
	}
	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // as above
	defer client.CloseIdleConnections()
	response, err := client.Get(s.url + "/health")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.ProtoMajor != 2 || response.StatusCode != http.StatusOK {
		t.Errorf("the page: %s %s", response.Proto, response.Status)
	}

	// The scheme of an origin counts, because the server knows its own.
	for origin, want := range map[string]int{"https://localhost": http.StatusSwitchingProtocols, "http://localhost": http.StatusForbidden} {
		conn := dialTLS(t, s, 1, "http/1.1")
		if _, err := io.WriteString(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: "+origin+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || response.StatusCode != want {
			t.Errorf("a page of %s: %v %v", origin, response, err)
		}
	}
	if figures := get(t, "http://"+metricsAt.FindStringSubmatch(s.log.String())[1]+"/metrics"); !strings.Contains(figures, "\nsocketiojwt_certificate_expire_timestamp_seconds ") {
		t.Error("no figure says when the certificate expires")
	}
	old := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // it must be refused
	if _, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), old); err == nil {
		t.Error("it accepts TLS 1.1")
	}
}

// TestTLSReload checks that SIGHUP replaces the certificate for new connections, and that files that
// are wrong change nothing.
func TestTLSReload(t *testing.T) {
	pair := newPairFiles(t).today(t, 1)
	s := start(t, pair.flags()...)
	before := dialTLS(t, s, 1)
	reader := bufio.NewReader(before)
	healthy := func() { // the server closes a connection that has sent no request for 10 seconds
		t.Helper()
		if _, err := io.WriteString(before, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("a connection from before: %v %v", response, err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
	}
	healthy()
	hangup := func(logged string) {
		t.Helper()
		n := strings.Count(s.log.String(), logged)
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		redistest.Eventually(t, logged, func() bool { return strings.Count(s.log.String(), logged) > n })
	}
	pair.today(t, 2)
	hangup("certificate replaced")
	dialTLS(t, s, 2)

	hangup("configuration reloaded")
	if n := strings.Count(s.log.String(), "certificate replaced"); n != 1 {
		t.Errorf("the same certificate has replaced itself: %d", n)
	}
	now := time.Now()
	for what, spoil := range map[string]func(){
		"private key does not match": func() { other := newPairFiles(t).today(t, 3); copyFile(t, other.cert, pair.cert) },
		"has expired":                func() { pair.write(t, 4, now.Add(-2*time.Hour), now.Add(-time.Hour)) },
		"is not valid yet":           func() { pair.write(t, 5, now.Add(time.Hour), now.Add(2*time.Hour)) },
		"failed to find any PEM":     func() { _ = os.WriteFile(pair.key, []byte("no key"), 0o600) },
		"no such file":               func() { _ = os.Remove(pair.cert) },
	} {
		pair.today(t, 2)
		spoil()
		hangup(what)
		dialTLS(t, s, 2)
	}
	if n := strings.Count(s.log.String(), "nothing has changed"); n != 5 {
		t.Errorf("%d refusals are logged: %s", n, s.log)
	}
	healthy()
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestTLSFlags checks that serve does not start with files that cannot work.
func TestTLSFlags(t *testing.T) {
	one, other := newPairFiles(t).today(t, 1), newPairFiles(t).today(t, 2)
	for want, flags := range map[string][]string{
		"--tls-cert needs --tls-key":          {"--tls-cert", one.cert},
		"--tls-key needs --tls-cert":          {"--tls-key", one.key},
		"private key does not match":          {"--tls-cert", one.cert, "--tls-key", other.key},
		"no such file":                        {"--tls-cert", one.cert + "x", "--tls-key", one.key},
		"--tls-cert and --tls-key: tls: fail": {"--tls-cert", one.key, "--tls-key", one.key},
	} {
		if o := runWith(t, "", append([]string{"serve", "--addr", "localhost:0"}, flags...)...); o.code != exitFailed || !strings.Contains(o.err, want) {
			t.Errorf("%v: %d %s", flags, o.code, o.err)
		}
	}
}

// TestCertificateReminder checks when a certificate that must be replaced is logged.
func TestCertificateReminder(t *testing.T) {
	const day = 24 * time.Hour
	for _, test := range []struct {
		life, until      time.Duration
		warnings, errors int
	}{
		{90 * day, 75 * day, 0, 0},
		{90 * day, 76*day + time.Hour, 1, 0},
		{90 * day, 90 * day, 15, 0},
		{90 * day, 90*day + time.Minute, 15, 1},
		{90 * day, 92*day + time.Minute, 15, 3},
		{4 * day, 3*day + time.Hour, 1, 0}, // a quarter of its life
		{-day, time.Hour, 0, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			pair, log := newPairFiles(t), new(output)
			pair.write(t, 1, time.Now().Add(min(0, 2*test.life)), time.Now().Add(test.life))
			loaded, err := (&tlsFiles{TLSCert: pair.cert, TLSKey: pair.key}).pair()
			if err != nil {
				t.Fatal(err)
			}
			c := newCertificate(loaded, slog.New(slog.NewTextHandler(log, nil)))
			time.Sleep(test.until)
			synctest.Wait()
			if w, e := strings.Count(log.String(), "level=WARN"), strings.Count(log.String(), "level=ERROR"); w != test.warnings || e != test.errors {
				t.Errorf("life %s, after %s: %d warnings and %d errors\n%s", test.life, test.until, w, e, log)
			}
			c.close()
			before := log.String()
			time.Sleep(10 * day)
			synctest.Wait()
			if log.String() != before {
				t.Error("it is logged after the end")
			}
		})
	}
}

// TestReplacedCertificateIsNotLogged checks that a reminder ends with the certificate that it is about.
func TestReplacedCertificateIsNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pair, log := newPairFiles(t), new(output)
		files := &tlsFiles{TLSCert: pair.cert, TLSKey: pair.key}
		load := func(life time.Duration) *tls.Certificate {
			pair.write(t, int64(life), time.Now(), time.Now().Add(life))
			loaded, err := files.pair()
			if err != nil {
				t.Fatal(err)
			}
			return loaded
		}
		c := newCertificate(load(24*time.Hour), slog.New(slog.NewTextHandler(log, nil)))
		defer c.close()
		replacement := load(90 * 24 * time.Hour)
		c.replacement(replacement)()
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if strings.Contains(log.String(), "expires soon") || !c.expires().Equal(replacement.Leaf.NotAfter) {
			t.Errorf("it expires %s\n%s", c.expires(), log)
		}
	})
}

// TestDoctorReadsTheCertificate checks that the flags reach the checks of doctor, once each.
func TestDoctorReadsTheCertificate(t *testing.T) {
	one, other := newPairFiles(t).today(t, 1), newPairFiles(t).today(t, 2)
	if o := runDoctor(t, "", one.flags()...); !strings.Contains(o.out, `ok    tls: the certificate of --tls-cert is for "localhost", and expires in 365 days`) {
		t.Error(o.out)
	}
	o := runDoctor(t, "", "--tls-cert", one.cert, "--tls-key", other.key)
	if strings.Count(o.out, "private key does not match") != 1 || !strings.Contains(o.out, "FAIL  tls: ") {
		t.Error(o.out)
	}
}

// TestTLSNeedsARestart checks that SIGHUP can neither add nor remove a certificate.
func TestTLSNeedsARestart(t *testing.T) {
	pair := newPairFiles(t).today(t, 1)
	tables := fmt.Sprintf("tls-cert = %q\ntls-key = %q\n", pair.cert, pair.key)
	for before, after := range map[string]string{tables: "", "": tables} {
		file := writeFile(t, "serve.toml", before)
		s := start(t, "--config", file)
		if err := os.WriteFile(file, []byte(after), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		redistest.Eventually(t, "the log says so", func() bool { return strings.Contains(s.log.String(), "cannot be added or removed without a restart") })
		s.stop()
	}
}
