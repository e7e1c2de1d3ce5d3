package packet

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

var limits = Limits{Attachments: 10, Name: 256}

// Parse refuses the packets for which Node closes the connection, and some that Node accepts.
func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", "7", "9", "x", "/", " 0",
		"5", "51", "5-", "50-[\"a\"]", "511-[\"a\"]", "5x-[]", "5-1-[]", "51e0-[]", "501-[]",
		"2" + strings.Repeat("9", 17) + `["a"]`, "29007199254740993[\"a\"]", "201[\"a\"]",
		"0/" + strings.Repeat("n", 300) + ",",
	} {
		if p, err := Parse([]byte(in), limits); !errors.Is(err, ErrMalformed) {
			t.Errorf("Parse(%q) = %+v, %v; want a parse error", in, p, err)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Packet
	}{
		{"0", Packet{Type: Connect, Namespace: "/"}},
		{"0/admin,", Packet{Type: Connect, Namespace: "/admin"}},
		{"0/admin", Packet{Type: Connect, Namespace: "/admin"}},
		{"0/a?b=c,{}", Packet{Type: Connect, Namespace: "/a?b=c", Payload: []byte("{}")}},
		{`2["a"]`, Packet{Type: Event, Namespace: "/", Payload: []byte(`["a"]`)}},
		{`20["a"]`, Packet{Type: Event, Namespace: "/", HasAck: true, Payload: []byte(`["a"]`)}},
		{`2/admin,12["a"]`, Packet{Type: Event, Namespace: "/admin", AckID: 12, HasAck: true, Payload: []byte(`["a"]`)}},
		{`29007199254740991["a"]`, Packet{Type: Event, Namespace: "/", AckID: 1<<53 - 1, HasAck: true, Payload: []byte(`["a"]`)}},
		{`52-/n,3["a"]`, Packet{Type: BinaryEvent, Attachments: 2, Namespace: "/n", AckID: 3, HasAck: true, Payload: []byte(`["a"]`)}},
		{`61-0[1]`, Packet{Type: BinaryAck, Attachments: 1, Namespace: "/", HasAck: true, Payload: []byte(`[1]`)}},
	} {
		got, err := Parse([]byte(c.in), limits)
		if len(got.Payload) == 0 {
			got.Payload = nil
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", c.in, got, err, c.want)
		}
	}
}

// TestParseQuery checks that the CONNECT of a legacy client may have a query after its
// namespace, with and without a comma after it, and that no other packet may.
func TestParseQuery(t *testing.T) {
	legacy := limits
	legacy.Query = 20
	for _, c := range []struct{ in, namespace, query string }{
		{"0/admin?token=t", "/admin", "token=t"},
		{"0/admin?token=t,", "/admin", "token=t"},
		{"0/admin?a=b?c/d", "/admin", "a=b?c/d"},
		{"0/admin?", "/admin", ""},
		{"0/admin", "/admin", ""},
		{"0/?token=t", "/", "token=t"},
		{"1/admin?token=t,", "/admin?token=t", ""},
	} {
		if p, err := Parse([]byte(c.in), legacy); err != nil || p.Namespace != c.namespace || p.Query != c.query {
			t.Errorf("Parse(%q) = %+v, %v", c.in, p, err)
		}
	}
	if p, err := Parse([]byte("0/"+strings.Repeat("n", 256)+"?q"), legacy); err == nil {
		t.Errorf("a name that is too long: %+v", p)
	}
	p, err := Parse([]byte("0/a?"+strings.Repeat("q", 21)), legacy)
	if err != nil || p.Namespace != "/a" || p.Query != "" || !p.TooLarge {
		t.Errorf("a query that is too long: %+v, %v", p, err)
	}
}

func TestHeadRoundTrip(t *testing.T) {
	for _, p := range []Packet{
		{Type: Event, Namespace: "/"},
		{Type: Event, Namespace: "/x", AckID: 7, HasAck: true},
		{Type: BinaryAck, Attachments: 3, Namespace: "/x", AckID: 0, HasAck: true},
	} {
		b := append(p.AppendHead(nil), `["a"]`...)
		p.Payload = []byte(`["a"]`)
		if got, err := Parse(b, limits); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%q was parsed as %+v, %v", b, got, err)
		}
	}
}
