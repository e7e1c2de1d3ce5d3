package token_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
)

// The payload of the examples of RFC 7515, appendix A.
const joe = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

var vectors = []struct {
	name, jwk, compact string
	want               error // the signature is valid, but the payload is not JSON
}{
	{
		name:    "RFC 7515 A.1 HS256",
		jwk:     `{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`,
		compact: "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + joe + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
	},
	{
		name: "RFC 7515 A.2 RS256",
		jwk: `{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-` +
			`SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZ` +
			`lxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}`,
		compact: "eyJhbGciOiJSUzI1NiJ9." + joe + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5ju" +
			"jGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-" +
			"eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
	},
	{
		name:    "RFC 7515 A.3 ES256",
		jwk:     `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`,
		compact: "eyJhbGciOiJFUzI1NiJ9." + joe + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
	},
	{
		name: "RFC 7515 A.4 ES512",
		jwk: `{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",` +
			`"y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}`,
		compact: "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCA" +
			"PZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
		want: token.ErrMalformed,
	},
	{
		name:    "RFC 8037 A.4 Ed25519",
		jwk:     `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
		compact: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
		want:    token.ErrMalformed,
	},
}

// before is a time at which the tokens of appendix A were good.
var before = token.Options{Issuers: []string{"joe"}, InsecureNoAudience: true, Now: func() time.Time { return time.Unix(1300819380-1, 0) }}

func TestVectors(t *testing.T) {
	for _, vector := range vectors {
		t.Run(vector.name, func(t *testing.T) {
			opts := before
			if strings.Contains(vector.jwk, `"oct"`) {
				opts.InsecureNoAudience = false // would not apply
			}
			v := newVerifier(t, token.JWK([]byte(vector.jwk)), opts)
			tok, err := v.Verify(context.Background(), vector.compact)
			wantError(t, err, vector.want)
			if err == nil {
				var root bool
				if err := tok.Claim("http://example.com/is_root", &root); err != nil || !root || tok.Issuer != "joe" {
					t.Errorf("claims: %q, %v, %v", tok.Issuer, root, err)
				}
			}
			// A signature with one flipped bit is invalid.
			i := strings.LastIndexByte(vector.compact, '.') + 5
			turned := []byte(vector.compact)
			turned[i] = map[bool]byte{true: 'B', false: 'A'}[turned[i] == 'A']
			wantRefused(t, v, string(turned), token.ErrSignature)
		})
	}
}

// RFC 7515, appendix A.5: the unsecured token.
func TestVectorUnsecured(t *testing.T) {
	v := newVerifier(t, token.JWK([]byte(vectors[0].jwk)), token.Options{Now: before.Now})
	wantRefused(t, v, "eyJhbGciOiJub25lIn0."+joe+".", token.ErrUnsigned)
}
