"""The quickstart of the W&B client, word for word."""

import wandb
import random

run = wandb.init(project="models_quickstart")
run.log({"acc": random.random()})
with open("my_model.h5", "w") as f:
    f.write("Model: " + str(random.random()))
run.link_model(path="./my_model.h5", registered_model_name="MNIST")
run.finish()
