package audit

import (
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"/api/2.0/mlflow/runs/get?run_id=abc":                                  "",
		"/x?token=abc&run_id=1":                                                "/x?token=***&run_id=1",
		"/x?page_token=abc&max_tokens=5":                                       "",
		"/x?X-Amz-Signature=abc&X-Amz-Credential=k/1&a=1":                      "/x?X-Amz-Signature=***&X-Amz-Credential=***&a=1",
		"Authorization: Bearer abc.def":                                        "Authorization: Bearer ***",
		"authorization: Basic YTpi, from 127.0.0.1":                            "authorization: Basic ***, from 127.0.0.1",
		"Bearer abcDEF123":                                                     "Bearer ***",
		"basic authentication is off":                                          "",
		`{"password":"a \" b","user":"x"}`:                                     `{"password":"***","user":"x"}`,
		`{"password" : 'a b' , "user":"x"}`:                                    `{"password" : '***' , "user":"x"}`,
		`{\"client_secret\":\"a b\",\"user\":\"x\"}`:                           `{\"client_secret\":\"***\",\"user\":\"x\"}`,
		"postgres://user:pw@db/x":                                              "postgres://***@db/x",
		"s3://bucket/a@b":                                                      "",
		"https://u:p@w@host/x?api_key=1":                                       "https://***@host/x?api_key=***",
		"jdbc:mysql://h/d?user=a&password=b;c=d":                               "jdbc:mysql://h/d?user=a&password=***;c=d",
		"token weir_abcdefghijklmnopqrst is not known":                         "token *** is not known",
		"/weir-transfer/files/weir_0123456789abcdef0123456789abcdef/model.pkl": "/weir-transfer/files/***/model.pkl",
		"token:weir_abcdefghijkl":                                              "", // its visible part
		"token:weir_abcdefghijkl_abcdefghijklmnopqrst":                         "token:***",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc":                             "***",
		"Set-Cookie: session=abc; Path=/":                                      "Set-Cookie: ***; Path=/",
		`"secrets":["a","b"]`:                                                  `"secrets":***`,
		"passwd = x":                                                           "passwd = ***",
		"no secret here: 1=2, user@host, sk-learn, hf_x, AKIA":                 "",
		"MLFLOW_TRACKING_PASSWORD=abc MLFLOW_TRACKING_USERNAME=u":              "MLFLOW_TRACKING_PASSWORD=*** MLFLOW_TRACKING_USERNAME=u",
	} {
		if want == "" {
			want = in
		}
		if got := Mask(in); got != want {
			t.Errorf("Mask(%q)\n got %q\nwant %q", in, got, want)
		}
	}
	if got := MaskValue("X-Api-Key", "abc"); got != "***" {
		t.Errorf("value of a secret name: %q", got)
	}
}

func FuzzMask(f *testing.F) {
	for _, s := range []string{"", "a=b", "://", "://@", "password=", `password:"`, `token":\"`, "Bearer ", "Bearer Bearer x", "authorization:basic x y", "password={"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Mask(s)
		if again := Mask(once); len(once) > 3*len(s)+3 || again != once && !strings.Contains(again, masked) {
			t.Errorf("%q gives %q, then %q", s, once, again)
		}
		const secret = "Zq7Secret1"
		for _, form := range []string{"password=" + secret, "Authorization: Bearer " + secret, `"api_key": "` + secret + `"`, "https://u:" + secret + "@h/"} {
			if got := Mask(s + "\n" + form); strings.Contains(got, secret) {
				t.Errorf("%q shows the secret: %q", s+"\n"+form, got)
			}
		}
	})
}
