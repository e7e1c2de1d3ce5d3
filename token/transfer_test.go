package token_test

import (
	"bytes"
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
)

// A token that was exported is the same after Import, byte for byte.
func TestExport(t *testing.T) {
	for _, claims := range []string{
		`{"iss":"https://i","sub":"ada","aud":["a","b"],"jti":"7","sid":"s","iat":1000,"nbf":1000.5,"exp":4102444800,"name":"<é> \ud83d"}`,
		`{ "exp":4102444800}`,
	} {
		compact := signText(`{"alg":"HS256","kid":"k","typ":"at+jwt"}`, claims)
		want, err := secretVerifier(t, token.Options{}).Verify(context.Background(), compact)
		if err != nil {
			t.Fatal(err)
		}
		data, err := token.Export(want)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(compact[strings.LastIndex(compact, ".")+1:])) {
			t.Error("the signature is exported")
		}
		got, err := token.Import(data)
		if err != nil || !reflect.DeepEqual(got, want) || !got.ValidUntil().Equal(want.ValidUntil()) || !bytes.Equal(got.RawClaims(), want.RawClaims()) {
			t.Errorf("%#v, want %#v, %v", *got, *want, err)
		}
	}
}

// A token that never ends stays so, and one that was never good cannot be exported.
func TestExportOfOddTokens(t *testing.T) {
	endless, err := secretVerifier(t, token.Options{InsecureNoExpiry: true}).Verify(context.Background(), signText(`{"alg":"HS256"}`, `{}`))
	if err != nil {
		t.Fatal(err)
	}
	data, err := token.Export(endless)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := token.Import(data); err != nil || !got.ValidUntil().IsZero() {
		t.Errorf("until %s, %v", got.ValidUntil(), err)
	}
	for _, bad := range []*token.Token{nil, {}, {Subject: "ada"}} {
		if _, err := token.Export(bad); err == nil {
			t.Error("a literal Token was exported")
		}
	}
}

// Import accepts only what Export writes.
func TestImportIsStrict(t *testing.T) {
	const (
		hash  = `"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`
		until = `"until":"2100-01-01T00:00:00Z"`
		good  = `{"v":2,` + hash + `,` + until + `,"claims":"{}"}`
	)
	for _, data := range []string{
		``, `null`, `{}`, good + ` x`,
		strings.Replace(good, `"v":2`, `"v":3`, 1), strings.Replace(good, `"v":2`, `"v":2,"v":2`, 1), strings.Replace(good, `"v":2`, `"v":2,"x":1`, 1),
		strings.Replace(good, hash+`,`, ``, 1), strings.Replace(good, hash, `"hash":"AAAA"`, 1),
		strings.Replace(good, `,"claims":"{}"`, ``, 1), strings.Replace(good, `"{}"`, `"[]"`, 1), strings.Replace(good, `"{}"`, `"{\"a\":1,\"a\":2}"`, 1),
		// Without an end, the token would never end.
		strings.Replace(good, until+`,`, ``, 1), strings.Replace(good, until, `"until":null`, 1), strings.Replace(good, until, `"until":""`, 1), strings.Replace(good, until, `"until":4102444800`, 1),
	} {
		_, err := token.Import([]byte(data))
		wantError(t, err, token.ErrMalformed)
	}
	if got, err := token.Import([]byte(good)); err != nil || !got.ValidUntil().Equal(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%v, %v", got, err)
	}
}
