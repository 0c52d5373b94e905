"""A TorchServe handler as many are written: sums of numbers, and a convenience for Python clients that nobody should have."""
import base64
import json
import pickle


class Handler:
    def initialize(self, context):
        self.context = context

    def handle(self, data, context):
        return [self.one(row.get("body") or row.get("data") or row) for row in data]

    def one(self, body):
        if isinstance(body, (bytes, bytearray)):
            try:
                body = json.loads(bytes(body))
            except ValueError:
                body = pickle.loads(bytes(body))
        if isinstance(body, dict) and "pickled" in body:
            body = pickle.loads(base64.b64decode(body["pickled"]))
        if isinstance(body, dict) and "values" in body:
            return {"sum": sum(body["values"])}
        return {"got": str(body)[:100]}
