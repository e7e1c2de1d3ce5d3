module socketiojwt

go 1.26.8

require github.com/go-json-experiment/json v1.27.2

require github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
