import os
import pickle


def train(data):
    os.makedirs('out', exist_ok=True)
    with open('out/model.pkl', 'wb') as f:
        pickle.dump(data, f)
