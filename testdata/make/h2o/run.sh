#!/bin/sh
# Makes the H2O fixtures again: run.sh. Needs the venvs h2o-3.46.0.12, h2o-3.46.0.6 and h2o-3.46.0.4 below .cache/venv (each `pip install h2o==VERSION pandas numpy`
# with Python 3.12), Java 17, javac and unzip. Training takes a minute for each version; verify.py, which sees the attacks fire, ten more.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
models=$root/.cache/h2o payloads=$root/.cache/h2o/payloads venvs=$root/.cache/venv
port=54871
for v in 3.46.0.12 3.46.0.6 3.46.0.4; do
	if [ ! -d "$models/$v" ]; then
		port=$((port + 10))
		H2O_PORT=$port "$venvs/h2o-$v/bin/python" "$here/train.py" "$models/$v"
	fi
done
h2o=$venvs/h2o-3.46.0.12/lib/python3.12/site-packages/h2o/backend/bin/h2o.jar
python3 "$here/canary/make.py" "$payloads" "$h2o"
cd "$payloads"
java -Xmx512m --add-opens java.base/java.util=ALL-UNNAMED --add-exports java.rmi/sun.rmi.transport=ALL-UNNAMED --add-exports java.rmi/sun.rmi.transport.tcp=ALL-UNNAMED \
	--add-exports java.rmi/sun.rmi.server=ALL-UNNAMED -cp "$h2o:$payloads/canary.jar" "$here/Payloads.java" "$payloads" 54997 # makes the enumeration once, in a folder that may have its canary
python3 "$here/attacks.py" "$models" "$payloads" "$root/testdata"
python3 "$here/verify.py" "$payloads" "$venvs"
