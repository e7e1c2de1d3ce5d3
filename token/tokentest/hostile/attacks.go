package hostile

import (
	"strings"
	"unicode/utf16"

	"socketiojwt/token"
)

// The attacks that are the same for every key, grouped by what they change. Section
// numbers are those of RFC 8725.

// deep is JSON nested deeper than a token may be.
var deep = strings.Repeat("[", 64) + strings.Repeat("]", 64)

var headerAttacks = []attack{
	// Section 2.1: a token that claims to be unsigned, with or without a signature.
	{name: "alg none", header: set("alg", `"none"`), sign: nothing, want: token.ErrUnsigned},
	{name: "alg None", header: set("alg", `"None"`), sign: nothing, want: token.ErrUnsigned},
	{name: "alg NONE", header: set("alg", `"NONE"`), sign: nothing, want: token.ErrUnsigned},
	{name: "alg nOnE", header: set("alg", `"nOnE"`), sign: nothing, want: token.ErrUnsigned},
	{name: "alg none, escaped", header: set("alg", `"n\u006fne"`), sign: nothing, want: token.ErrUnsigned},
	{name: "alg none, signed", header: set("alg", `"none"`), want: token.ErrUnsigned},
	{name: "alg NONE, signed", header: set("alg", `"NONE"`), want: token.ErrUnsigned},
	{name: "alg none, with the signature of another header", header: set("alg", `"none"`), sign: unchanged, want: token.ErrUnsigned},
	{name: "alg none and a space", header: set("alg", `"none "`), sign: nothing, want: token.ErrUnsigned},
	{name: "alg none and a NUL", header: set("alg", `"none\u0000"`), sign: nothing, want: token.ErrHeader},
	{name: "alg missing", header: without("alg"), want: token.ErrHeader},
	{name: "alg missing, no signature", header: without("alg"), sign: nothing, want: token.ErrHeader},
	{name: "alg empty", header: set("alg", `""`), want: token.ErrHeader},
	{name: "alg null", header: set("alg", `null`), want: token.ErrHeader},
	{name: "alg a number", header: set("alg", `1`), want: token.ErrHeader},
	{name: "alg a boolean", header: set("alg", `true`), want: token.ErrHeader},
	{name: "alg too long", header: set("alg", `"`+strings.Repeat("x", 257)+`"`), want: token.ErrHeader},
	{name: "alg unknown", header: set("alg", `"ES256K"`), want: token.ErrAlgorithm},
	{name: "alg of an encryption", header: set("alg", `"dir"`), want: token.ErrAlgorithm},
	{name: "alg twice, none first", header: also(`"alg":"none"`), want: token.ErrMalformed},
	{name: "alg twice, escaped", header: also(`"a\u006cg":"none"`), want: token.ErrMalformed},

	// RFC 7515, section 4.1.11; RFC 7797, sections 6 and 7.
	{name: "crit", header: also(`"crit":["exp"],"exp":1`), want: token.ErrHeader},
	{name: "crit of a header that is known", header: also(`"crit":["alg"]`), want: token.ErrHeader},
	{name: "crit empty", header: also(`"crit":[]`), want: token.ErrHeader},
	{name: "crit null", header: also(`"crit":null`), want: token.ErrHeader},
	{name: "crit a string", header: also(`"crit":"exp"`), want: token.ErrHeader},
	{name: "crit escaped", header: also(`"cr\u0069t":["exp"]`), want: token.ErrHeader},
	{name: "b64 false", header: also(`"b64":false`), want: token.ErrHeader},
	{name: "b64 false, critical", header: also(`"b64":false,"crit":["b64"]`), want: token.ErrHeader},
	{name: "b64 a string", header: also(`"b64":"true"`), want: token.ErrHeader},

	// Sections 2.8 and 3.11: the same issuer and key, another purpose.
	{name: "typ of a logout token", header: set("typ", `"logout+jwt"`), want: token.ErrType},
	{name: "typ of a proof of possession", header: set("typ", `"dpop+jwt"`), want: token.ErrType},
	{name: "typ of a security event", header: set("typ", `"secevent+jwt"`), want: token.ErrType},
	{name: "typ of no JWT", header: set("typ", `"application/json"`), want: token.ErrType},
	{name: "typ a number", header: set("typ", `7`), want: token.ErrHeader},
	{name: "typ with a line break", header: set("typ", `"JWT\r\n"`), want: token.ErrHeader},
	{name: "typ twice", header: both(set("typ", `"JWT"`), also(`"typ":"JWT"`)), want: token.ErrMalformed},

	// Sections 2.9 and 3.10. Attacks with printable IDs are in keyAttacks.
	{name: "kid with a NUL", header: set("kid", `"key\u0000"`), want: token.ErrHeader},
	{name: "kid with a line break", header: set("kid", `"key\nlevel=INFO"`), want: token.ErrHeader},
	{name: "kid for a terminal", header: set("kid", `"\u001b[31m"`), want: token.ErrHeader},
	{name: "kid with a control character of Latin-1", header: set("kid", `"key\u0085"`), want: token.ErrHeader},
	{name: "kid written from right to left", header: set("kid", `"key\u202e"`), want: token.ErrHeader},
	{name: "kid too long", header: set("kid", `"`+strings.Repeat("x", 257)+`"`), want: token.ErrHeader},
	{name: "kid a fraction", header: set("kid", `1.5`), want: token.ErrHeader},
	{name: "kid a number in two spellings", header: set("kid", `1e0`), want: token.ErrHeader},
	{name: "kid a boolean", header: set("kid", `true`), want: token.ErrHeader},
	{name: "kid a list", header: set("kid", `["key"]`), want: token.ErrHeader},
	{name: "kid an object", header: set("kid", `{"$ne":""}`), want: token.ErrHeader},
	{name: "kid twice", header: both(set("kid", `"a"`), also(`"kid":"b"`)), want: token.ErrMalformed},

	{name: "header empty", header: whole(``), want: token.ErrMalformed},
	{name: "header an empty object", header: whole(`{}`), want: token.ErrHeader},
	{name: "header null", header: whole(`null`), want: token.ErrMalformed},
	{name: "header a list", header: around(`[`, `]`), want: token.ErrMalformed},
	{name: "header a string", header: whole(`"HS256"`), want: token.ErrMalformed},
	{name: "header unclosed", header: func(text string) string { return text[:len(text)-1] }, want: token.ErrMalformed},
	{name: "header and more", header: around(``, `{}`), want: token.ErrMalformed},
	{name: "header with a byte order mark", header: around("\uFEFF", ``), want: token.ErrMalformed},
	{name: "header in UTF-16", header: utf16BE, want: token.ErrMalformed},
	{name: "header with invalid UTF-8", header: also(`"x":"` + "\xff" + `"`), want: token.ErrMalformed},
	{name: "header deep", header: also(`"x":` + deep), want: token.ErrMalformed},
	{name: "header with a member twice", header: also(`"y":1,"y":1`), want: token.ErrMalformed},
}

var claimAttacks = []attack{
	{name: "claims empty", claims: whole(``), want: token.ErrMalformed},
	{name: "claims null", claims: whole(`null`), want: token.ErrMalformed},
	{name: "claims a number", claims: whole(`1`), want: token.ErrMalformed},
	{name: "claims a string", claims: whole(`"admin"`), want: token.ErrMalformed},
	{name: "claims a list", claims: around(`[`, `]`), want: token.ErrMalformed},
	{name: "claims unclosed", claims: func(text string) string { return text[:len(text)-1] }, want: token.ErrMalformed},
	{name: "claims and more", claims: around(``, `{}`), want: token.ErrMalformed},
	{name: "claims with a trailing comma", claims: both(also(`"hostile":1`), also(``)), want: token.ErrMalformed},
	{name: "claims with a comment", claims: also(`"hostile":1/**/`), want: token.ErrMalformed},
	{name: "claims with a byte order mark", claims: around("\uFEFF", ``), want: token.ErrMalformed},
	{name: "claims in UTF-16", claims: utf16BE, want: token.ErrMalformed},
	{name: "claims with invalid UTF-8", claims: also(`"hostile":"` + "\xff" + `"`), want: token.ErrMalformed},
	{name: "claims with an overlong name", claims: also(`"` + "\xc0\xaf" + `":1`), want: token.ErrMalformed},
	{name: "claims with half a character in a name", claims: also(`"\ud800":1`), want: token.ErrMalformed},
	{name: "claims deep", claims: also(`"hostile":` + deep), want: token.ErrMalformed},
	{name: "claims deep and unclosed", claims: whole(strings.Repeat(`{"x":`, 1000)), want: token.ErrMalformed},
	{name: "claims huge", claims: also(`"hostile":"` + strings.Repeat("x", 1<<20) + `"`), want: token.ErrTooLarge},
	{name: "claims compressed", header: also(`"zip":"DEF"`), claims: whole("\xab\x56\x4a\xad\x28\x50\xb2\x32\xb1\x30\x00\x02\x1d\xa5"), want: token.ErrMalformed},
	{name: "claims encoded twice", claims: func(text string) string { return encode([]byte(text)) }, want: token.ErrMalformed},
	{name: "claims another token", header: also(`"cty":"JWT"`), claims: whole("eyJhbGciOiJub25lIn0.e30."), want: token.ErrMalformed},
	{name: "claims with a member twice", claims: also(`"hostile":1,"hostile":1`), want: token.ErrMalformed},
	{name: "claims with a member twice, inside", claims: also(`"hostile":[{"y":1,"y":2}]`), want: token.ErrMalformed},

	// Parsers that disagree: names must match exactly, and each may occur once.
	{name: "exp twice", needs: "exp", claims: also(`"exp":253402300799`), want: token.ErrMalformed},
	{name: "exp twice, escaped", needs: "exp", claims: also(`"\u0065x\u0070":253402300799`), want: token.ErrMalformed},
	{name: "exp past, EXP to come", needs: "exp", claims: both(set("exp", `1`), also(`"EXP":253402300799`)), want: token.ErrExpired},
	{name: "Exp for exp", needs: "exp", claims: both(without("exp"), also(`"Exp":253402300799`)), want: token.ErrClaimMissing},
	{name: "exp null", needs: "exp", claims: set("exp", `null`), want: token.ErrClaimMissing},
	{name: "exp missing", needs: "exp", claims: without("exp"), want: token.ErrClaimMissing},
	{name: "exp past", needs: "exp", claims: set("exp", `1`), want: token.ErrExpired},
	{name: "exp past, escaped", needs: "exp", claims: both(without("exp"), also(`"e\u0078p":1`)), want: token.ErrExpired},
	{name: "exp past, with a fraction", needs: "exp", claims: set("exp", `1.5`), want: token.ErrExpired},
	{name: "exp zero", needs: "exp", claims: set("exp", `0`), want: token.ErrExpired},
	{name: "nbf to come", claims: set("nbf", `253402300799`), want: token.ErrNotYetValid},

	{name: "sub a number", claims: set("sub", `1`), want: token.ErrClaim},
	{name: "sub with half a character", claims: set("sub", `"ada\ud800"`), want: token.ErrClaim},
	{name: "sub true", claims: set("sub", `true`), want: token.ErrClaim},
	{name: "sub a list", claims: set("sub", `["ada"]`), want: token.ErrClaim},
	{name: "jti a number", claims: set("jti", `1`), want: token.ErrClaim},

	{name: "iss missing", needs: "iss", claims: without("iss"), want: token.ErrIssuer},
	{name: "iss empty", needs: "iss", claims: set("iss", `""`), want: token.ErrIssuer},
	{name: "iss of another issuer", needs: "iss", claims: set("iss", `"https://attacker.example"`), want: token.ErrIssuer},
	{name: "iss null", needs: "iss", claims: set("iss", `null`), want: token.ErrIssuer},
	{name: "iss a number", needs: "iss", claims: set("iss", `1`), want: token.ErrClaim},
	{name: "aud missing", needs: "aud", claims: without("aud"), want: token.ErrAudience},
	{name: "aud empty", needs: "aud", claims: set("aud", `""`), want: token.ErrAudience},
	{name: "aud an empty list", needs: "aud", claims: set("aud", `[]`), want: token.ErrAudience},
	{name: "aud of another server", needs: "aud", claims: set("aud", `"https://attacker.example"`), want: token.ErrAudience},
	{name: "aud any", needs: "aud", claims: set("aud", `"*"`), want: token.ErrAudience},
	{name: "aud null", needs: "aud", claims: set("aud", `null`), want: token.ErrAudience},
	{name: "aud a number", needs: "aud", claims: set("aud", `1`), want: token.ErrClaim},
	{name: "aud true", needs: "aud", claims: set("aud", `true`), want: token.ErrClaim},
}

// timeAttacks gives each claim that bounds a token's life an invalid time. iat is not among
// them because it counts only with a MaxAge, which the verifier need not have.
func timeAttacks() (attacks []attack) {
	for _, name := range []string{"exp", "nbf"} {
		for _, value := range []string{
			`"253402300799"`, `true`, `[253402300799]`, `{}`, `""`, `-1`, `-0.5`, `1e400`, `-1e400`,
			`253402300800`, `1780000000000`, `2534023008e2`, `9223372036854775808`, `18446744073709551615`,
		} {
			attacks = append(attacks, attack{name: name + " " + value, claims: set(name, value), want: token.ErrClaim})
		}
		for _, value := range []string{`0xFFFFFFFF`, `NaN`, `Infinity`, `01`, `+1`, `.5`, `1_000_000`, ``} {
			attacks = append(attacks, attack{name: name + " not JSON: " + value, claims: set(name, value), want: token.ErrMalformed})
		}
	}
	return attacks
}

// A token has exactly one spelling (section 2.6; RFC 7515, section 2). If an attack changes
// the spelling of the signed parts, the signature covers the changed spelling.
var encodingAttacks = []attack{
	{name: "nothing", compact: whole(``), want: token.ErrMalformed},
	{name: "one part", compact: func(text string) string { return strings.ReplaceAll(text, ".", "") }, want: token.ErrMalformed},
	{name: "two parts", compact: upToLastDot, want: token.ErrMalformed},
	{name: "four parts", compact: around(``, `.`), want: token.ErrMalformed},
	{name: "four parts, the first empty", compact: around(`.`, ``), want: token.ErrMalformed},
	{name: "five parts", compact: around(``, `.AAAA.AAAA`), want: token.ErrMalformed},
	{name: "dots", compact: whole(`..`), want: token.ErrMalformed},
	{name: "encrypted", compact: whole(`eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA`), want: token.ErrMalformed},
	{name: "JSON serialization", compact: inJSON(`{"protected":"`, `","payload":"`, `","signature":"`, `"}`), want: token.ErrMalformed},
	{name: "general JSON serialization", compact: inJSON(`{"signatures":[{"protected":"`, `"}],"payload":"`, `","signature":"`, `"}`), want: token.ErrMalformed},
	{name: "with its scheme", framed: true, compact: around(`Bearer `, ``), want: token.ErrMalformed},
	{name: "quoted", framed: true, compact: around(`"`, `"`), want: token.ErrMalformed},
	{name: "space before", framed: true, compact: around(` `, ``), want: token.ErrMalformed},
	{name: "space after", framed: true, compact: around(``, ` `), want: token.ErrMalformed},
	{name: "line break after", framed: true, compact: around(``, "\r\n"), want: token.ErrMalformed},
	{name: "line feed before", framed: true, compact: around("\n", ``), want: token.ErrMalformed},
	{name: "tab after", framed: true, compact: around(``, "\t"), want: token.ErrMalformed},
	{name: "NUL after", compact: around(``, "\x00"), want: token.ErrMalformed},
	{name: "not ASCII", compact: around(``, "é"), want: token.ErrMalformed},
	{name: "signature padded", compact: pad64, want: token.ErrMalformed},
	{name: "line feed in the header", input: func(text string) string { return text[:4] + "\n" + text[4:] }, want: token.ErrMalformed},
	{name: "carriage return in the claims", input: around(``, "\r"), want: token.ErrMalformed},
	{name: "space in the claims", input: around(``, ` `), want: token.ErrMalformed},
	{name: "claims padded", claims: idle, input: pad64, want: token.ErrMalformed},
	{name: "claims not encoded", header: also(`"b64":false,"crit":["b64"]`),
		input: func(text string) string { return upToLastDot(text) + `.{}` }, want: token.ErrMalformed},
	{name: "header padded", header: idle, input: onHeader(pad64), want: token.ErrMalformed},
	// One of three question marks is the last byte of a base64url group, which makes a "_".
	{name: "standard alphabet", header: also(`"x":"???"`),
		input: func(text string) string { return strings.NewReplacer("_", "/", "-", "+").Replace(text) }, want: token.ErrMalformed},
	// Unused bits of the last character are set.
	{name: "claims with idle bits", claims: idle, input: setIdleBit, want: token.ErrMalformed},
	{name: "header with idle bits", header: idle, input: onHeader(setIdleBit), want: token.ErrMalformed},
}

func upToLastDot(text string) string { return text[:strings.LastIndexByte(text, '.')] }

// inJSON writes the parts of a token into JSON.
func inJSON(start, second, third, end string) edit {
	return func(compact string) string {
		parts := strings.Split(compact, ".")
		return start + parts[0] + second + parts[1] + third + parts[2] + end
	}
}

// idle makes JSON so long that its base64url ends in idle bits.
func idle(text string) string { return text + strings.Repeat(" ", 3-(len(text)+2)%3) }

// onHeader edits only the first part.
func onHeader(change edit) edit {
	return func(text string) string {
		header, rest, _ := strings.Cut(text, ".")
		return change(header) + "." + rest
	}
}

// pad64 pads the last part as base64 is, with one character where it needs none.
func pad64(text string) string {
	last := text[strings.LastIndexByte(text, '.')+1:]
	return text + strings.Repeat("=", max(1, (4-len(last)%4)%4))
}

// setIdleBit sets the last bit of the last character, which is 0.
func setIdleBit(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(text) - 1
	return text[:last] + string(alphabet[strings.IndexByte(alphabet, text[last])|1])
}

// utf16BE encodes the text in UTF-16, the larger end first.
func utf16BE(text string) string {
	var encoded strings.Builder
	for _, unit := range utf16.Encode([]rune(text)) {
		encoded.Write([]byte{byte(unit >> 8), byte(unit)})
	}
	return encoded.String()
}

// Section 2.1, and RFC 7515, section 5.2: the signature is of the text, by the key.
var signatureAttacks = []attack{
	{name: "signature missing", sign: nothing, want: token.ErrUnsigned},
	{name: "signature of an attacker", sign: byAttacker, want: token.ErrSignature},
	{name: "signature of other claims", claims: also(`"hostile":1`), sign: unchanged, want: token.ErrSignature},
	{name: "signature of the claims without a space", claims: around(``, ` `), sign: unchanged, want: token.ErrSignature},
	{name: "signature of another header", header: also(`"x":1`), sign: unchanged, want: token.ErrSignature},
	{name: "signature of only the claims", sign: func(v *victim, input string) ([]byte, error) {
		_, claims, _ := strings.Cut(input, ".")
		return v.key.Signature(claims)
	}, want: token.ErrSignature},
	{name: "signature of nothing", sign: func(v *victim, _ string) ([]byte, error) { return v.key.Signature("") }, want: token.ErrSignature},
	{name: "signature one byte", sign: altered(func(s []byte) []byte { return s[:1] }), want: token.ErrSignature},
	{name: "signature cut in half", sign: altered(func(s []byte) []byte { return s[:len(s)/2] }), want: token.ErrSignature},
	{name: "signature without its last byte", sign: altered(func(s []byte) []byte { return s[:len(s)-1] }), want: token.ErrSignature},
	{name: "signature without its first byte", sign: altered(func(s []byte) []byte { return s[1:] }), want: token.ErrSignature},
	{name: "signature and a byte", sign: altered(func(s []byte) []byte { return append(s, 0) }), want: token.ErrSignature},
	{name: "signature after a byte", sign: altered(func(s []byte) []byte { return append([]byte{0}, s...) }), want: token.ErrSignature},
	{name: "signature twice", sign: altered(func(s []byte) []byte { return append(s, s...) }), want: token.ErrSignature},
	{name: "signature with its first bit changed", sign: altered(func(s []byte) []byte { s[0] ^= 0x80; return s }), want: token.ErrSignature},
	{name: "signature with its last bit changed", sign: altered(func(s []byte) []byte { s[len(s)-1] ^= 1; return s }), want: token.ErrSignature},
	{name: "signature all zero", sign: altered(func(s []byte) []byte { return make([]byte, len(s)) }), want: token.ErrSignature},
	{name: "signature all ones", sign: altered(func(s []byte) []byte { return []byte(strings.Repeat("\xff", len(s))) }), want: token.ErrSignature},
	{name: "signature encoded twice", sign: altered(func(s []byte) []byte { return []byte(encode(s)) }), want: token.ErrSignature},
}
