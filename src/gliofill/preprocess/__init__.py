"""One session onto the template: bias field, brain mask, rigid registration, one resampling.

The mathematics stands in plain functions; nipype appears only in `interfaces` and `workflow`.
"""
