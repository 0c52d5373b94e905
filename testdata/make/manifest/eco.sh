#!/bin/sh
# eco.sh OUT: has the real tools of npm, cargo, go and Maven write the manifests, lock files, bills of materials and jars that the tests of
# internal/format/manifest read, with Maven's own answer beside them. Index addresses become index.example.org. Needs npm, cargo, go, mvn, zip.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$out/npm" "$work/npm"
cd "$work/npm"
cat > package.json <<'END'
{
  "name": "model-dashboard",
  "version": "1.0.0",
  "dependencies": {
    "minimist": "1.2.5",
    "semver": "^7.3.2",
    "node-fetch": "~2.6.0",
    "mini": "npm:ms@2.0.0"
  },
  "devDependencies": {
    "debug": "2.6.8"
  }
}
END
cp package.json "$out/npm/"
for v in 1 3; do
	rm -f package-lock.json
	npm install --silent --package-lock-only --no-audit --no-fund --lockfile-version $v
	sed -E 's#"https?://[^/"]+/#"https://index.example.org/#' package-lock.json > "$out/npm/v$v-package-lock.json"
done
npm sbom --package-lock-only --sbom-format cyclonedx | sed -E 's#"https?://[^/"]+/#"https://index.example.org/#' > "$out/npm/bom.json"
npm sbom --package-lock-only --sbom-format spdx | sed -E 's#"https?://[^/"]+/#"https://index.example.org/#' > "$out/npm/spdx.json"

mkdir -p "$out/cargo" "$work/cargo/src"
cd "$work/cargo"
echo 'fn main() {}' > src/main.rs
cat > Cargo.toml <<'END'
[package]
name = "tensor-server"
version = "0.1.0"
edition = "2021"

[dependencies]
time = "=0.1.43"
smallvec = { version = "1.6", default-features = false }
once_cell = "1"

[dev-dependencies]
fastrand = "1.4"
END
cargo generate-lockfile --quiet
cp Cargo.toml "$out/cargo/"
sed -E 's#registry\+https://[^"]*#registry+https://index.example.org/crates#' Cargo.lock > "$out/cargo/Cargo.lock"

mkdir -p "$out/go" "$work/go"
cd "$work/go"
cat > main.go <<'END'
package main

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

func main() { fmt.Println(yaml.Unmarshal(nil, nil)) }
END
cat > go.mod <<'END'
module example.org/server

go 1.21

require gopkg.in/yaml.v3 v3.0.0

replace gopkg.in/yaml.v3 => gopkg.in/yaml.v3 v3.0.1
END
GOFLAGS=-mod=mod go mod tidy
cp go.mod "$out/go/go.mod.txt" # not a module of this repository

mkdir -p "$out/maven/bom" "$out/maven/app/src/main/java"
cd "$out/maven"
cat > pom.xml <<'END'
<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId>
  <artifactId>scoring</artifactId>
  <version>1.0</version>
  <packaging>pom</packaging>
  <modules>
    <module>bom</module>
    <module>app</module>
  </modules>
  <properties>
    <text.version>1.8</text.version> <!-- CVE-2022-42889 -->
    <io.version>2.6</io.version>
    <maven.compiler.source>8</maven.compiler.source>
    <maven.compiler.target>8</maven.compiler.target>
  </properties>
  <dependencyManagement>
    <dependencies>
      <dependency>
        <groupId>org.example</groupId>
        <artifactId>scoring-bom</artifactId>
        <version>${project.version}</version>
        <type>pom</type>
        <scope>import</scope>
      </dependency>
      <dependency>
        <groupId>commons-io</groupId>
        <artifactId>commons-io</artifactId>
        <version>${io.version}</version>
      </dependency>
    </dependencies>
  </dependencyManagement>
</project>
END
cat > bom/pom.xml <<'END'
<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId>
  <artifactId>scoring-bom</artifactId>
  <version>1.0</version>
  <packaging>pom</packaging>
  <properties>
    <collections.version>3.2.1</collections.version>
  </properties>
  <dependencyManagement>
    <dependencies>
      <dependency>
        <groupId>commons-collections</groupId>
        <artifactId>commons-collections</artifactId>
        <version>${collections.version}</version>
      </dependency>
    </dependencies>
  </dependencyManagement>
</project>
END
cat > app/pom.xml <<'END'
<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <parent>
    <groupId>org.example</groupId>
    <artifactId>scoring</artifactId>
    <version>1.0</version>
  </parent>
  <artifactId>scoring-app</artifactId>
  <dependencies>
    <dependency>
      <groupId>org.apache.commons</groupId>
      <artifactId>commons-text</artifactId>
      <version>${text.version}</version>
    </dependency>
    <dependency>
      <groupId>commons-io</groupId>
      <artifactId>commons-io</artifactId>
    </dependency>
    <dependency>
      <groupId>commons-collections</groupId>
      <artifactId>commons-collections</artifactId>
    </dependency>
    <dependency>
      <groupId>junit</groupId>
      <artifactId>junit</artifactId>
      <version>[4.12,4.13)</version>
      <scope>test</scope>
    </dependency>
  </dependencies>
</project>
END
cat > app/src/main/java/Score.java <<'END'
class Score {}
END
cp -r . "$work/maven"
rm -r app/src
cd "$work/maven"
mvn -q -B package -DskipTests
mvn -q -B dependency:list -DexcludeTransitive=true -Dsort=true -DoutputFile="$work/list.txt" -pl app -am
sed -nE 's/^ +([a-zA-Z][^ ]*:[^ ]*:jar:[^ :]*:[a-z]*).*/\1/p' "$work/list.txt" > "$out/maven/list.txt"
cp app/target/scoring-app-1.0.jar "$out/maven/scoring-app-1.0.jar"
