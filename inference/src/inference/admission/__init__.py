"""Admission: may this artifact be served?"""
