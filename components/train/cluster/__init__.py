"""Training by several pods: TrainJobs of Kubeflow Trainer."""
