package manifest

import (
	"fmt"
	"strings"
	"testing"

	"weir"
)

// tell writes the facts of a manifest that matter here, one a line: package, version, where it stands, and the bytes that hold its constraint.
func tell(content string, facts []weir.Fact) string {
	var b strings.Builder
	for _, f := range facts {
		switch f := f.(type) {
		case weir.Requirement:
			fmt.Fprintf(&b, "%d %s %s %s%s", f.Line, f.Ecosystem, f.Name, f.Version, f.Range)
			if f.State != weir.PinExact && f.State != weir.PinRange {
				fmt.Fprintf(&b, " %s", f.State)
			}
			if f.Group != "" {
				fmt.Fprintf(&b, " (%s)", f.Group)
			}
			if f.Spec.Size > 0 {
				fmt.Fprintf(&b, " [%s]", content[f.Spec.At:f.Spec.At+f.Spec.Size])
			}
			if len(f.Requires) > 0 {
				fmt.Fprintf(&b, " → %s", strings.Join(f.Requires, " "))
			}
			if !f.Direct {
				b.WriteString(" indirect")
			}
			fmt.Fprintf(&b, " %s\n", f.Origin)
		case weir.Include:
			fmt.Fprintf(&b, "%d %s %s\n", f.Line, f.Kind, f.Path)
		case weir.Setting:
			fmt.Fprintf(&b, "%d %s=%s\n", f.Line, f.Key, f.Value)
		case weir.Note:
			fmt.Fprintf(&b, "%s: %s\n", f.Key, f.Value)
		}
	}
	return b.String()
}

// manifestCase is a file and what it must be read as.
type manifestCase struct{ name, format, content, want string }

func (c manifestCase) run(t *testing.T) {
	t.Helper()
	formats, facts, err := parse(c.name, c.content)
	if err != nil {
		t.Errorf("%s: %s", c.name, err)
	}
	if got := strings.Join(formats, " "); got != c.format {
		t.Errorf("%s is read as %q, not as %q", c.name, got, c.format)
	}
	if got := tell(c.content, facts); strings.TrimSpace(got) != strings.TrimSpace(c.want) {
		t.Errorf("%s\n--- got\n%s--- want\n%s", c.name, got, strings.TrimLeft(c.want, "\n"))
	}
}

func TestDockerfile(t *testing.T) {
	for _, c := range []manifestCase{
		{"Dockerfile", "dockerfile", `# syntax=docker/dockerfile:1
ARG TAG=1.12.0-cuda11.3
FROM --platform=linux/amd64 pytorch/pytorch:1.12.0-cuda11.3 AS base
ARG MLFLOW=2.9.2
ENV PIP_EXTRA_INDEX_URL=https://index.example.org/simple
RUN apt-get update && \
    # the tracking server
    pip install --no-cache-dir mlflow==$MLFLOW 'numpy>=1.2' \
      scikit-learn==0.24 && echo done
COPY --from=ghcr.io/mlflow/mlflow:v2.8.0 /a /b
RUN ["pip3", "install", "flask==1.0"]
RUN <<EOF
pip install jinja2==2.10
EOF
COPY <<EOF /opt/requirements.txt
pillow==8.0
EOF
FROM base
FROM python:${PY}
CMD sh -c "pip install gevent==20.1 && python serve.py"
`, `
3 oci docker.io/pytorch/pytorch 1.12.0-cuda11.3 [1.12.0-cuda11.3] image
3 pypi torch 1.12.0 image
5 index.extra=https://index.example.org/simple
8 pypi mlflow 2.9.2 command
8 pypi numpy >=1.2 [>=1.2] command
9 pypi scikit-learn 0.24 [==0.24] command
10 oci ghcr.io/mlflow/mlflow v2.8.0 [v2.8.0] image
10 pypi mlflow 2.8.0 image
11 pypi flask 1.0 [==1.0] command
13 pypi jinja2 2.10 [==2.10] command
16 pypi pillow 8.0 [==8.0] manifest
19 oci docker.io/library/python  unresolved image
20 pypi gevent 20.1 [==20.1] command
`},
		{"serve.Dockerfile", "dockerfile", "FROM python@sha256:" + strings.Repeat("ab", 32) + "\nRUN --mount=type=cache,target=/c pip install -r requirements.txt -c constraints.txt\n", `
1 oci docker.io/library/python sha256:` + strings.Repeat("ab", 32) + ` image
2 requirement requirements.txt
2 constraint constraints.txt
`},
	} {
		c.run(t)
	}
}

func TestShellFile(t *testing.T) {
	for _, c := range []manifestCase{
		{"setup.sh", "shell-script", `set -e
VERSION=1.24
if [ -n "$X" ]; then
  sudo -H pip3 install "urllib3==$VERSION" requests==2.19.1
fi
cat > requirements.txt <<'EOF'
# written here
torch==1.9.0
EOF
bash -c 'npm install -g lodash@4.17.15 @scope/a@^1.0.0'
go install github.com/x/y/v2/cmd/z@v2.1.0
cargo install ripgrep --version 11.0.0
spark-submit --packages ml.combust.mleap:mleap-spark_2.12:0.16.0,org.mlflow:mlflow-spark:1.30.0 job.py
wget https://index.example.org/maven2/org/apache/logging/log4j/log4j-core/2.14.1/log4j-core-2.14.1.jar
curl -O https://example.org/h2o/h2o-3.46.0.3.zip
npm ci
pip install $(cat pins)
`, `
4 pypi urllib3 1.24 command
4 pypi requests 2.19.1 [==2.19.1] command
8 pypi torch 1.9.0 [==1.9.0] manifest
10 npm lodash 4.17.15 [4.17.15] command
10 npm @scope/a ^1.0.0 [^1.0.0] command
11 golang github.com/x/y/v2 v2.1.0 [v2.1.0] command
12 cargo ripgrep 11.0.0 [11.0.0] command
13 maven ml.combust.mleap:mleap-spark_2.12 0.16.0 [0.16.0] command
13 maven org.mlflow:mlflow-spark 1.30.0 [1.30.0] command
14 maven org.apache.logging.log4j:log4j-core 2.14.1 command
15 maven ai.h2o:h2o-core 3.46.0.3 command
16 lock package-lock.json
17 pypi   unresolved command
`},
		{"bin/run", "shell-script", "#!/usr/bin/env bash\npip install a==1\n", "2 pypi a 1 [==1] command"},
		{"bin/py", "", "#!/usr/bin/env python3\n# pip install a==1\n", ""},
		{"run.sh", "", "#!/bin/sh\nexec java -jar x.jar\n", ""},
		{"Makefile", "makefile", "PIP ?= pip\nTORCH := 1.13.0\n.PHONY: all\nall:\n\t@$(PIP) install torch==$(TORCH) \\\n\t\tnumpy==1.19\n\t-for p in a; do echo $$p; done\n", `
5 pypi torch 1.13.0 command
6 pypi numpy 1.19 [==1.19] command
`},
	} {
		c.run(t)
	}
}

func TestPipelineFiles(t *testing.T) {
	for _, c := range []manifestCase{
		{".github/workflows/test.yml", "ci-pipeline", `on: push
env:
  TORCH: "1.13.0"
jobs:
  a:
    runs-on: ubuntu-22.04
    container: pytorch/torchserve:0.8.1-cpu
    services:
      db: {image: "postgres:13"}
    steps:
      - uses: actions/checkout@v4
      - uses: docker://python:3.7
      - name: install
        run: |
          python -m pip install --upgrade pip
          pip install torch==${{ env.TORCH }} transformers==4.30.0
      - run: pip install ray==${{ matrix.ray }}
`, `
7 oci docker.io/pytorch/torchserve 0.8.1-cpu [0.8.1-cpu] image
7 pypi torchserve 0.8.1 image
9 oci docker.io/library/postgres 13 [13] image
12 oci docker.io/library/python 3.7 [3.7] image
15 pypi pip  any command
16 pypi torch 1.13.0 command
16 pypi transformers 4.30.0 [==4.30.0] command
17 pypi ray  unresolved command
`},
		{".gitlab-ci.yml", "ci-pipeline", `image: python:3.9
variables: {PIN: "2.2.0"}
test:
  services:
    - postgres:13
  image:
    name: "ghcr.io/mlflow/mlflow:v2.3.0"
  before_script:
    - pip install mlflow==$PIN
    - - pip install flask==0.12
  script: pip install -r requirements.txt
`, `
1 oci docker.io/library/python 3.9 [3.9] image
5 oci docker.io/library/postgres 13 [13] image
7 oci ghcr.io/mlflow/mlflow v2.3.0 [v2.3.0] image
7 pypi mlflow 2.3.0 image
9 pypi mlflow 2.2.0 command
10 pypi flask 0.12 [==0.12] command
11 requirement requirements.txt
`},
		{"pom.go", "", "package a\n\nconst p = `<project><modelVersion>4</modelVersion><artifactId>x</artifactId>`\n", ""},
		{"params.yaml", "", "train:\n  steps: 1000\n  run: fast\nstages: [a]\n", ""},
	} {
		c.run(t)
	}
}

func TestDeploymentFiles(t *testing.T) {
	for _, c := range []manifestCase{
		{"docker-compose.yml", "deployment", `services:
  mlflow:
    image: ghcr.io/mlflow/mlflow:${TAG:-v2.1.1}
    command: bash -c "pip install boto3==1.9 && mlflow server"
  torch:
    build: .
    entrypoint: ["pip", "install", "psycopg2==2.8"]
    environment:
      - PIP_TRUSTED_HOST=index.example.org
`, `
9 index.trusted-host=index.example.org
4 pypi boto3 1.9 [==1.9] command
3 oci ghcr.io/mlflow/mlflow v2.1.1 image
3 pypi mlflow 2.1.1 image
7 pypi psycopg2 2.8 [==2.8] command
`},
		{"serve.yaml", "deployment", `apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
spec:
  predictor:
    containers:
      - image: pytorch/torchserve-kfs:0.7.0
        command: [sh, -c]
        args:
          - |
            pip install "fastapi==0.60"
            torchserve --start
---
apiVersion: v1
kind: ConfigMap
data:
  requirements.txt: |
    # of the job
    starlette==0.13.0
  setup.sh: |
    pip install uvicorn==0.10
---
apiVersion: ray.io/v1
kind: RayService
spec:
  serveConfigV2: |
    applications:
      - runtime_env:
          pip: ["gradio==3.1.0"]
  rayClusterConfig:
    image: rayproject/ray-ml:2.6.3-py310
`, `
10 pypi fastapi 0.60 [==0.60] command
6 oci docker.io/pytorch/torchserve-kfs 0.7.0 [0.7.0] image
6 pypi torchserve 0.7.0 image
18 pypi starlette 0.13.0 [==0.13.0] manifest
20 pypi uvicorn 0.10 [==0.10] command
28 pypi gradio 3.1.0 manifest
30 oci docker.io/rayproject/ray-ml 2.6.3-py310 [2.6.3-py310] image
30 pypi ray 2.6.3 image
`},
		{"cluster.yaml", "ray-config", `cluster_name: train
provider: {type: aws}
docker: {image: "rayproject/ray:2.4.0"}
setup_commands:
  - pip install 'torch==1.13.1'
`, `
3 oci docker.io/rayproject/ray 2.4.0 [2.4.0] image
3 pypi ray 2.4.0 image
5 pypi torch 1.13.1 [==1.13.1] command
`},
		{"ray.yaml", "deployment", `apiVersion: ray.io/v1
kind: RayJob
spec:
  runtimeEnvYAML: |
    pip:
      - vllm==0.4.0
`, `
6 pypi vllm 0.4.0 manifest
`},
		{"chart/values.yaml", "deployment", "image:\n  repository: h2oai/h2o-open-source-k8s\n  tag: \"3.30.0.3\"\n", `
3 oci docker.io/h2oai/h2o-open-source-k8s 3.30.0.3 [3.30.0.3] image
3 maven ai.h2o:h2o-core 3.30.0.3 image
`},
		{"templates/d.yaml", "deployment", "apiVersion: v1\nkind: Pod\nspec:\n{{- if .Values.x }}\n  - image: \"{{ .Values.image }}\"\n    image: redis:5\n{{- end }}\n", `
5 oci   unresolved image
6 oci docker.io/library/redis 5 [5] image
`},
	} {
		c.run(t)
	}
}

func TestGradleFiles(t *testing.T) {
	for _, c := range []manifestCase{
		{"build.gradle", "gradle-build", `plugins { id 'java'
  id "com.github.johnrengelman.shadow" version "7.1.0" }
ext.jackson = '2.9.8'
def h2o = "3.30.0.1"
dependencies {
    implementation "ai.h2o:h2o-genmodel:$h2o" // implementation 'no:no:1'
    implementation("com.fasterxml.jackson.core:jackson-databind:${jackson}")
    api 'org.yaml:snakeyaml:1.26'
    implementation platform('org.springframework.boot:spring-boot-dependencies:2.3.0.RELEASE')
    implementation 'org.springframework:spring-web'
    compileOnly group: 'org.apache.logging.log4j', name: 'log4j-core', version: '2.14.1'
    testImplementation 'junit:junit:4.+'
    runtimeOnly "x:y:$missing"
    implementation project(':core')
    /* implementation 'no:no:2' */
}
`, `
6 maven ai.h2o:h2o-genmodel 3.30.0.1 manifest
7 maven com.fasterxml.jackson.core:jackson-databind 2.9.8 manifest
8 maven org.yaml:snakeyaml 1.26 [1.26] manifest
9 maven org.springframework.boot:spring-boot-dependencies 2.3.0.RELEASE [2.3.0.RELEASE] manifest
10 maven org.springframework:spring-web  unresolved manifest
12 maven junit:junit 4.+ (test) [4.+] manifest
13 maven x:y  unresolved manifest
11 maven org.apache.logging.log4j:log4j-core 2.14.1 (provided) [2.14.1] manifest
2 maven com.github.johnrengelman.shadow:com.github.johnrengelman.shadow.gradle.plugin 7.1.0 (build) [7.1.0] manifest
`},
		{"gradle.lockfile", "gradle-lock", "# This is a Gradle generated file for dependency locking.\n# Manual edits can break the build and are not advised.\nai.h2o:h2o-genmodel:3.30.0.1=compileClasspath,runtimeClasspath\njunit:junit:4.12=testRuntimeClasspath\nempty=annotationProcessor\n", `
3 maven ai.h2o:h2o-genmodel 3.30.0.1 indirect lock
4 maven junit:junit 4.12 (test) indirect lock
`},
		{"gradle/libs.versions.toml", "gradle-catalog", `[versions]
log4j = "2.14.1"
netty = { strictly = "4.1.0.Final" }
[libraries]
a = { module = "org.apache.logging.log4j:log4j-core", version.ref = "log4j" }
b = "org.yaml:snakeyaml:1.26"
c = { group = "io.netty", name = "netty-all", version.ref = "netty" }
[plugins]
d = { id = "org.example.x", version = "1.0" }
`, `
5 maven org.apache.logging.log4j:log4j-core 2.14.1 [2.14.1] manifest
6 maven org.yaml:snakeyaml 1.26 [1.26] manifest
7 maven io.netty:netty-all 4.1.0.Final [4.1.0.Final] manifest
9 maven org.example.x:org.example.x.gradle.plugin 1.0 (build) [1.0] manifest
`},
	} {
		c.run(t)
	}
}

// ecoSeeds show the fuzzer the syntax of each kind of file.
var ecoSeeds = []struct{ name, content string }{
	{"Dockerfile", "# escape=`\nARG A=1\nFROM a/b:${A} AS x\nENV P=1 Q=\"2\"\nRUN pip install a==$P `\n # c\n b==${Q:-3} && sh -c 'pip install \"c==1\"'\nRUN <<E\npip install d\nE\nCOPY --from=y:1 <<E requirements.txt\ne==1\nE\nONBUILD CMD [\"pip\", \"install\", \"f\"]\n"},
	{"a.sh", "X=`pip install a`; if sudo -H env Y=1 pip install b==$X 2>&1 | tee $(npm i c@1); then cat > requirements.txt <<-'E'\n\td==1\n\tE\nfi; bash <<E\npip install e\nE\neval \"pip install f\"\n"},
	{"Makefile", "P = pip\nQ := $(P)3\nall: x\n\t@-$(Q) install a==$(V) \\\n\t  b $$c\n"},
	{".github/workflows/a.yml", "jobs:\n  a:\n    runs-on: x\n    env: {A: 1}\n    steps:\n    - run: |\n        pip install a==${{ env.A }}\n    - uses: docker://b:1\n"},
	{"k.yaml", "apiVersion: v1\nkind: ConfigMap\ndata:\n  requirements.txt: |\n    a==1\nspec:\n  runtimeEnvYAML: |\n    pip: [b==1]\n  image: c:1\n  command: [sh, -c]\n  args: ['pip install d']\n"},
	{"values.yaml", "image: {registry: r, repository: a/b, tag: '1'}\n"},
	{"build.gradle", "ext.v = '1'\ndependencies {\n  implementation \"a:b:$v\" // c\n  api group: 'a', name: 'b', version: '1'\n}\nplugins { id 'p' version '1' }\n"},
	{"gradle.lockfile", "# This is a Gradle generated file for dependency locking.\na:b:1=x,testY\n"},
	{"libs.versions.toml", "[versions]\nv = { strictly = '1' }\n[libraries]\na = { module = 'b:c', version.ref = 'v' }\n"},
	{"pom.xml", "<project><modelVersion>4.0.0</modelVersion><parent><groupId>g</groupId><artifactId>p</artifactId><version>1</version></parent><artifactId>a</artifactId><properties><v>${w}</v><w>1</w></properties><dependencies><dependency><groupId>g</groupId><artifactId>b</artifactId><version>${v}</version></dependency></dependencies></project>"},
	{"pom.properties", "groupId=a\nartifactId=b\nversion=1\n"},
	{"package.json", `{"dependencies": {"a": "^1.0.0", "b": "npm:c@1.0.0", "d": "github:x/y"}}`},
	{"package-lock.json", `{"lockfileVersion": 2, "packages": {"": {"dependencies": {"a": "1"}}, "node_modules/a": {"version": "1.0.0", "dependencies": {"b": "1"}}}, "dependencies": {"a": {"version": "1.0.0"}}}`},
	{"go.mod", "module a\ngo 1.21\nrequire (\n\tb.c/d v1.2.3 // indirect\n)\nreplace b.c/d => ../d\n"},
	{"Cargo.toml", "[package]\nname = 'a'\n[dependencies]\nb = { version = '1', package = 'c' }\n[target.x.dependencies]\nd = '=1.0.0'\n"},
	{"Cargo.lock", "version = 4\n[[package]]\nname = 'a'\nversion = '1.0.0'\nsource = 'git+https://example.org/a#0123456789012345678901234567890123456789'\ndependencies = ['b 1.0.0']\n"},
	{"bom.json", `{"bomFormat": "CycloneDX", "components": [{"bom-ref": "a", "purl": "pkg:maven/g/a@1%2B2?type=jar", "components": [{"name": "x"}]}], "dependencies": [{"ref": "a", "dependsOn": ["a"]}]}`},
	{"spdx.json", `{"spdxVersion": "SPDX-2.3", "SPDXID": "D", "packages": [{"SPDXID": "a", "name": "x", "externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:npm/%40a/b@1"}]}], "relationships": [{"spdxElementId": "D", "relatedSpdxElement": "a", "relationshipType": "DESCRIBES"}]}`},
	{"version.py", "# Copyright 2018 Databricks, Inc.\nVERSION = \"1.0\"\n"},
}
