"""The step `trigger`: is there a reason to train?"""
