package token_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
)

// FuzzVerify passes arbitrary texts to verifiers of each family of keys. They must not
// panic, and must accept only tokens that were signed with their key.
func FuzzVerify(f *testing.F) {
	var verifiers []*token.Verifier
	opts := token.Options{InsecureIgnoreExpiry: true, InsecureNoIssuer: true, InsecureNoAudience: true}
	for _, vector := range vectors {
		f.Add(vector.compact)
		if key := token.JWK([]byte(vector.jwk)); key.Algorithms()[0] != token.HS256 {
			verifiers = append(verifiers, newVerifier(f, key, opts))
		}
	}
	shared := newVerifier(f, token.Secret(secret), token.Options{InsecureIgnoreExpiry: true})
	f.Add(signClaims(`{"exp":4000000000}`))
	f.Add("eyJhbGciOiJub25lIn0." + joe + ".")
	f.Add("..")
	signed := map[string]bool{vectors[1].compact: true, vectors[2].compact: true} // the others hold no JSON
	f.Fuzz(func(t *testing.T, compact string) {
		for _, v := range verifiers {
			if _, err := v.Verify(context.Background(), compact); err == nil && !signed[compact] {
				t.Errorf("accepted %q", compact)
			}
		}
		if _, err := shared.Verify(context.Background(), compact); err == nil {
			input, signature := compact[:strings.LastIndexByte(compact, '.')], compact[strings.LastIndexByte(compact, '.')+1:]
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(input))
			if signature != encode(string(mac.Sum(nil))) {
				t.Errorf("accepted %q", compact)
			}
		}
	})
}

// FuzzParse parses arbitrary texts. A text that can be parsed is the only encoding of its
// token.
func FuzzParse(f *testing.F) {
	for _, vector := range vectors {
		f.Add(vector.compact)
	}
	f.Add(signText("{\"alg\":\"HS256\",\n\"kid\":\"\\u00e9\"}", `{}`))
	f.Fuzz(func(t *testing.T, compact string) {
		u, err := token.ParseUnverified(compact, 0)
		if err != nil {
			return
		}
		parts := strings.Split(compact, ".")
		if len(parts) != 3 || len(compact) > 16384 {
			t.Fatalf("%d parts, %d bytes", len(parts), len(compact))
		}
		if parts[0] != encode(string(u.RawHeader())) || parts[1] != encode(string(u.RawClaims())) {
			t.Errorf("%q has another spelling", compact)
		}
		if signature, err := base64.RawURLEncoding.DecodeString(parts[2]); err != nil || encode(string(signature)) != parts[2] {
			t.Errorf("the signature of %q has another spelling", compact)
		}
		var all map[string]any
		_ = u.Claims(&all)
		_ = u.Claim("sub", new(string))
	})
}

// FuzzClaims signs arbitrary headers and claims correctly. Another decoder that matches
// names exactly must read accepted claims the same way.
func FuzzClaims(f *testing.F) {
	f.Add(hs256, `{"sub":"bob","ſub":"admin","exp":4000000000.5,"aud":["a","b"],"iat":0,"nbf":1e3,"jti":"\u0061"}`)
	f.Add(`{"alg":"HS256","kid":"a","typ":"at+jwt"}`, `{"exp":1,"EXP":9999999999}`)
	f.Add(hs256, `{"exp":1e400}`)
	f.Add(hs256, strings.Repeat(`{"exp":[`, 70))
	f.Add(hs256, `{"exp":4000000000,"client_id":["shop","chat"],"use":"access","role":0}`)
	f.Add(hs256, `{"exp":4000000000,"client_id":"chat","\u0075se":"acc\u0065ss","role":"a","x":{"events":1}}`)
	v := secretVerifier(f, token.Options{})
	strict := secretVerifier(f, token.Options{
		AudienceClaim: "client_id", Audiences: []string{"chat"}, Claims: map[string]string{"use": "access"}, Required: []string{"role"}, Absent: []string{"events"},
	})
	f.Fuzz(func(t *testing.T, header, claims string) {
		tok, err := v.Verify(context.Background(), signText(header, claims))
		if err != nil {
			return
		}
		var protected, all map[string]any
		decoder := json.NewDecoder(strings.NewReader(claims))
		decoder.UseNumber()
		if json.Unmarshal([]byte(header), &protected) != nil || decoder.Decode(&all) != nil {
			t.Fatalf("accepted what is no JSON: %q, %q", header, claims)
		}
		if protected["alg"] != "HS256" || protected["crit"] != nil {
			t.Errorf("accepted the header %q", header)
		}
		text := func(name string) string { s, _ := all[name].(string); return s }
		if tok.Subject != text("sub") || tok.Issuer != text("iss") || tok.ID != text("jti") {
			t.Errorf("%q read as %q, %q, %q", claims, tok.Subject, tok.Issuer, tok.ID)
		}
		if _, err := strict.Verify(context.Background(), signText(header, claims)); err == nil {
			list, ok := all["client_id"].([]any)
			_, events := all["events"]
			if all["use"] != "access" || all["role"] == nil || all["role"] == "" || events || all["client_id"] != any("chat") && !(ok && slices.Contains(list, any("chat"))) {
				t.Errorf("strictly verified: %q", claims)
			}
		}
		number, ok := all["exp"].(json.Number)
		exp, err := number.Float64()
		if !ok || err != nil || exp <= float64(now.Add(-11*time.Second).Unix()) || tok.ExpiresAt().Sub(time.Unix(int64(exp), 0)).Abs() > 2*time.Second {
			t.Errorf("%q: exp read as %v", claims, tok.ExpiresAt())
		}
		if !bytes.Equal(tok.RawClaims(), []byte(claims)) {
			t.Errorf("RawClaims of %q are %q", claims, tok.RawClaims())
		}
		var again map[string]any
		if err := tok.Claims(&again); err != nil || len(again) != len(all) {
			t.Errorf("Claims of %q: %v", claims, err)
		}
	})
}

// FuzzKey reads arbitrary keys. One that can be used is for some algorithm, and a public
// key verifies nothing that is signed with a secret. Inputs have marks in place of the long
// parts of keys.
func FuzzKey(f *testing.F) {
	long := newLongParts()
	for _, vector := range vectors {
		f.Add(long.shorten([]byte(vector.jwk)))
	}
	f.Add(long.shorten(long.rsaSPKI))
	f.Add(long.shorten(block("PUBLIC KEY", long.rsaSPKI)))
	f.Add(edPublic)
	f.Add(block("PUBLIC KEY", edPublic))
	f.Add(long.shorten(long.certificate))
	f.Add(long.shorten(block("CERTIFICATE", long.certificate)))
	signed := signClaims(`{"exp":4000000000}`)
	f.Fuzz(func(t *testing.T, text []byte) {
		text = long.expand(text)
		for _, key := range []token.Key{token.PEM(text), token.DER(text), token.JWK(text), token.SecretBytes(text), token.SecretBase64(string(text))} {
			if key.Err() == nil && len(key.Algorithms()) == 0 {
				t.Errorf("%v is usable and for no algorithm", key)
			}
			if key.Err() == nil && !strings.HasPrefix(string(key.Algorithms()[0]), "HS") {
				wantRefused(t, newVerifier(t, key, publicOptions), signed, token.ErrAlgorithm)
			}
		}
	})
}

// TestFuzzKeyStartsFromUsableKeys checks that the seeds of FuzzKey are keys once their marks
// are replaced, and are short.
func TestFuzzKeyStartsFromUsableKeys(t *testing.T) {
	long := newLongParts()
	texts := [][]byte{long.rsaSPKI, block("PUBLIC KEY", long.rsaSPKI), long.certificate, block("CERTIFICATE", long.certificate)}
	for _, vector := range vectors {
		texts = append(texts, []byte(vector.jwk))
	}
	for _, text := range texts {
		short := long.shorten(text)
		if len(short) > 130 {
			t.Errorf("%q has %d bytes", short, len(short))
		}
		full := long.expand(short)
		if token.PEM(full).Err() != nil && token.DER(full).Err() != nil && token.JWK(full).Err() != nil {
			t.Errorf("%q is not a key", short)
		}
	}
}

// longParts are the parts of keys that FuzzKey writes as marks. The fuzzing engine
// minimizes an input in a number of executions that grows with the square of its length,
// and tries nothing new until then. The ends of each part stay, so that the engine can
// change the sign, the parity and the length of a number. The keys are the same in every
// run, so that the corpus keeps its meaning.
type longParts struct {
	rsaSPKI, certificate []byte
	marks                [][2]string // a long part, and its mark
}

func newLongParts() (l longParts) {
	member := func(jwk, name string) string {
		var members map[string]string
		if err := json.Unmarshal([]byte(jwk), &members); err != nil {
			panic(err)
		}
		return members[name]
	}
	rsaJWK, p521 := vectors[1].jwk, vectors[3].jwk
	modulus := must(base64.RawURLEncoding.DecodeString(member(rsaJWK, "n")))
	l.rsaSPKI = must(x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: 65537}))
	l.certificate = certificate(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	for mark, whole := range []string{
		member(rsaJWK, "n"), string(modulus), member(p521, "x"), member(p521, "y"), inPEM(l.rsaSPKI), inPEM(l.certificate), string(l.certificate),
	} {
		const end = 16
		l.marks = append(l.marks, [2]string{whole[end : len(whole)-end], "$" + string(rune('0'+mark))})
	}
	return l
}

// inPEM returns der as the body of a PEM block.
func inPEM(der []byte) string {
	lines := strings.Split(strings.TrimSpace(string(block("X", der))), "\n")
	return strings.Join(lines[1:len(lines)-1], "\n")
}

func (l longParts) shorten(text []byte) []byte {
	for _, m := range l.marks {
		text = bytes.ReplaceAll(text, []byte(m[0]), []byte(m[1]))
	}
	return text
}

func (l longParts) expand(text []byte) []byte {
	for _, m := range l.marks {
		text = bytes.ReplaceAll(text, []byte(m[1]), []byte(m[0]))
	}
	return text
}
