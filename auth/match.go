package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"socketiojwt/token"
)

// A Match selects leases and tokens by a value of the token. BySubject, ByTokenID, BySession,
// ByHash, ByIssuer and ByClaim make one. Matches are comparable. The zero Match, or one for
// an empty string, matches nothing.
type Match struct {
	kind   kind
	issuer string
	name   string // of the claim, for byClaim
	value  string // for byClaim a canonical JSON text
}

// kind is the kind of a Match. The index has a table for each of those before kinds.
type kind uint8

const (
	bySubject kind = iota // and issuer
	byTokenID             // and issuer
	bySession             // and issuer
	byHash
	kinds
	byIssuer
	byClaim
)

// BySubject matches tokens with this iss and sub. An empty issuer matches tokens without
// iss.
func BySubject(issuer, subject string) Match {
	return Match{kind: bySubject, issuer: issuer, value: subject}
}

// ByTokenID matches tokens with this iss and jti. An empty issuer matches tokens without
// iss.
func ByTokenID(issuer, id string) Match { return Match{kind: byTokenID, issuer: issuer, value: id} }

// BySession matches tokens with this iss and sid. An empty issuer matches tokens without
// iss.
func BySession(issuer, id string) Match { return Match{kind: bySession, issuer: issuer, value: id} }

// ByHash matches tokens with this token.Token.Hash. The zero hash matches no token.
func ByHash(hash [sha256.Size]byte) Match {
	if hash == [sha256.Size]byte{} {
		return Match{}
	}
	return Match{kind: byHash, value: string(hash[:])}
}

// ByIssuer matches tokens with this iss.
func ByIssuer(issuer string) Match { return Match{kind: byIssuer, value: issuer} }

// ByClaim matches tokens whose claim of that exact name is the value, or is a list that
// contains it. The value is a string, a bool or a number. A string never equals a number, and
// 5, 5.0 and 5e0 are the same number. Any other value, or an empty name, makes a Match that
// matches nothing. ByClaim reads the claims as they were signed, not the fields of a
// token.Token.
func ByClaim(name string, value any) Match {
	text, err := json.Marshal(value)
	if err != nil || name == "" {
		return Match{}
	}
	canonical, ok := canonicalValue(string(text))
	if !ok {
		return Match{}
	}
	return Match{kind: byClaim, name: name, value: canonical}
}

// maxMatch bounds the issuer, name and value of a Match together, in bytes, where it is
// stored or sent.
const maxMatch = 2048

// check returns an error if m cannot be stored.
func (m Match) check() error {
	switch {
	case m.value == "":
		return errors.New("auth: the Match is empty and matches nothing; make one with BySubject or a similar function, for values that are not empty")
	case len(m.issuer)+len(m.name)+len(m.value) > maxMatch:
		return fmt.Errorf("auth: the values of the Match are longer than %d bytes; use ByHash instead", maxMatch)
	}
	return nil
}

// matchNames are the names of the kinds in the text of a Match.
var matchNames = map[kind]string{bySubject: "sub", byTokenID: "jti", bySession: "sid", byHash: "hash", byIssuer: "iss", byClaim: "claim"}

// matchVersion is the first part of the text of a Match.
const matchVersion = "1"

// MarshalText returns a text from which UnmarshalText makes an equal Match. Different Matches
// have different texts. It is printable ASCII without spaces: a version, a kind and values,
// each escaped as a part of a URL's path and separated by slashes, such as
// "1/sub/https:%2F%2Fissuer/ada". It fails for the zero Match and if the values have more than
// 2 KiB together.
func (m Match) MarshalText() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return []byte(m.text()), nil
}

// text is MarshalText without checks.
func (m Match) text() string {
	parts := []string{matchVersion, matchNames[m.kind]}
	switch m.kind {
	case bySubject, byTokenID, bySession:
		parts = append(parts, m.issuer, m.value)
	case byHash:
		parts = append(parts, hex.EncodeToString([]byte(m.value)))
	case byIssuer:
		parts = append(parts, m.value)
	case byClaim:
		parts = append(parts, m.name, m.value)
	}
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}

// UnmarshalText sets m to the Match with this text. It fails, and leaves m as it is, if the
// text is not exactly one that MarshalText returns.
func (m *Match) UnmarshalText(text []byte) error {
	parsed, ok := parseMatch(string(text))
	if !ok || parsed.check() != nil || parsed.text() != string(text) {
		return fmt.Errorf("auth: %.100q is not the text of a Match; it must come from MarshalText", text)
	}
	*m = parsed
	return nil
}

// parseMatch parses the text of a Match. UnmarshalText checks the result.
func parseMatch(text string) (Match, bool) {
	if len(text) > 4*maxMatch {
		return Match{}, false
	}
	parts := strings.Split(text, "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return Match{}, false
		}
		parts[i] = plain
	}
	switch {
	case len(parts) == 4 && parts[1] == "sub":
		return BySubject(parts[2], parts[3]), true
	case len(parts) == 4 && parts[1] == "jti":
		return ByTokenID(parts[2], parts[3]), true
	case len(parts) == 4 && parts[1] == "sid":
		return BySession(parts[2], parts[3]), true
	case len(parts) == 3 && parts[1] == "hash":
		hash, err := hex.DecodeString(parts[2])
		if err != nil || len(hash) != sha256.Size {
			return Match{}, false
		}
		return ByHash([sha256.Size]byte(hash)), true
	case len(parts) == 3 && parts[1] == "iss":
		return ByIssuer(parts[2]), true
	case len(parts) == 4 && parts[1] == "claim":
		value, ok := canonicalValue(parts[3])
		return Match{kind: byClaim, name: parts[2], value: value}, ok && parts[2] != ""
	}
	return Match{}, false
}

// String describes m for logs.
func (m Match) String() string {
	switch {
	case m.value == "":
		return "nothing"
	case m.kind == byHash:
		return "hash " + hex.EncodeToString([]byte(m.value))
	case m.kind == byIssuer:
		return fmt.Sprintf("issuer %q", m.value)
	case m.kind == byClaim:
		return fmt.Sprintf("claim %q %s", m.name, m.value)
	}
	return fmt.Sprintf("%s %q of issuer %q", matchNames[m.kind], m.value, m.issuer)
}

// Matches reports whether m matches a token. It may be called concurrently.
func (m Match) Matches(t *token.Token) bool { return m.value != "" && m.matches(t) }

// matches is Matches for a Match that is not empty.
func (m Match) matches(t *token.Token) bool {
	switch m.kind {
	case bySubject:
		return t.Subject == m.value && t.Issuer == m.issuer
	case byTokenID:
		return t.ID == m.value && t.Issuer == m.issuer
	case bySession:
		return t.SessionID == m.value && t.Issuer == m.issuer
	case byHash:
		return string(t.Hash[:]) == m.value
	case byIssuer:
		return t.Issuer == m.value
	case byClaim:
		found := false
		eachClaim(t, func(name []byte) bool { return string(name) == m.name }, func(_, value string) { found = found || value == m.value })
		return found
	}
	return false
}

// MatchesOf returns the Matches that match a token, for a Denylist that looks each of them up:
// one for each of its registered claims and its hash, and one for each value of those of its
// claims that names lists. A nil names lists none. It may be called concurrently.
func MatchesOf(t *token.Token, names func(claim string) bool) []Match {
	all := make([]Match, 0, 8)
	for _, m := range [...]Match{ByHash(t.Hash), BySubject(t.Issuer, t.Subject), ByTokenID(t.Issuer, t.ID), BySession(t.Issuer, t.SessionID), ByIssuer(t.Issuer)} {
		if m.value != "" {
			all = append(all, m)
		}
	}
	if names != nil {
		eachClaim(t, func(name []byte) bool { return names(string(name)) },
			func(name, value string) { all = append(all, Match{kind: byClaim, name: name, value: value}) })
	}
	return all
}
