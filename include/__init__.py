"""The part of mixpanel-aep that runs without Airflow: clients of Mixpanel and AEP, the steps and the command line."""
