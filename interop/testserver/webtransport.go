package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net"
	"net/http"
	"time"

	"socketiojwt/webtransport"
)

// serveWebTransport serves handler over WebTransport on a loopback address. It returns the
// address and the hash of the certificate, which is valid for ten days: browsers accept no
// more than 14 for a certificate that they know only by its hash.
func serveWebTransport(handler http.Handler) (addr, hash string, stop func(), err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", nil, err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 10), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", "", nil, err
	}
	server, err := webtransport.NewServer(handler, webtransport.Options{
		TLS: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS13},
	})
	if err != nil {
		return "", "", nil, err
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", "", nil, err
	}
	go func() { _ = server.Serve(conn) }()
	sum := sha256.Sum256(der)
	return conn.LocalAddr().String(), base64.StdEncoding.EncodeToString(sum[:]), func() {
		_ = server.Close()
		_ = conn.Close()
	}, nil
}
